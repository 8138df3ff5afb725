/* Prints the keys that a test has to see at work, one a line: TABLE KEY, and `refused` when this
 * build does not honour it, `stored` when its summary says that it is stored only. TABLE is a kind,
 * device/TYPE[/NICTYPE], or `any` for the fields that every kind has. Left out are keys that are
 * only ever read back, and those of virtual machines alone. A profile's config and devices are an
 * instance's: only its own fields are listed. */
#include <stdio.h>
#include <string.h>

#include "kind.h"

/* META_ROWS: the same on each kind. */
static gboolean is_of_any(const Row *row)
{
    static const char *const keys[] = {"protect", "renamed_from", "after", "labels", NULL};

    return (row->flags & ROW_META) != 0 && g_strv_contains(keys, row->key);
}

static void print_row(const char *table, const char *key, const Row *row)
{
    printf("%s %s%s\n", table, key,
           (row->flags & ROW_UNSUPPORTED) != 0          ? " refused"
           : strstr(row->summary, "tored only") != NULL ? " stored"
                                                        : "");
}

static void print_rows(const char *table, const char *prefix, const Row *rows)
{
    for (const Row *row = rows; row->key != NULL; row++) {
        g_autofree char *key = g_strconcat(prefix, row->key, NULL);

        if ((row->flags & ROW_RUNTIME) != 0 || row->applies == ON_VM || is_of_any(row))
            continue;
        if (row->fields != NULL) {
            g_autofree char *below = g_strconcat(key, ".", NULL);

            print_rows(table, below, row->fields);
            continue;
        }
        print_row(table, key, row);
    }
}

int main(void)
{
    for (int id = 0; id < KIND_MAX; id++) {
        const Kind *kind = KINDS[id];

        print_rows(kind->name, "", kind->fields);
        if (kind->config != NULL && id != KIND_PROFILE)
            print_rows(kind->name, "", kind->config);
    }
    for (const Row *row = KINDS[KIND_POLICY]->fields; row->key != NULL; row++)
        if (is_of_any(row))
            print_row("any", row->key, row);
    for (const DeviceType *type = DEVICE_TYPES; type->type != NULL; type++) {
        g_autofree char *table =
            g_strconcat("device/", type->type, type->variant != NULL ? "/" : "",
                        type->variant != NULL ? type->variant : "", NULL);

        if (!type->unsupported)
            print_rows(table, "", type->rows);
    }
    return 0;
}
