/* Prints the keys of what drivers are asked for, one a line: TABLE KEY, and `refused` when this
 * build does not honour it. TABLE is a kind, or device/TYPE[/NICTYPE]. Left out are keys that are
 * only ever read back, those of berth's own that no driver sees (labels, protect ...), those of
 * virtual machines alone, and kinds that no driver sees. */
#include <stdio.h>

#include "kind.h"

static void print_rows(const char *table, const char *prefix, const Row *rows)
{
    for (const Row *row = rows; row->key != NULL; row++) {
        g_autofree char *key = g_strconcat(prefix, row->key, NULL);

        if ((row->flags & ROW_RUNTIME) != 0 || row->applies == ON_VM ||
            ((row->flags & ROW_META) != 0 && row->label == LABEL_NONE))
            continue;
        if (row->fields != NULL) {
            g_autofree char *below = g_strconcat(key, ".", NULL);

            print_rows(table, below, row->fields);
            continue;
        }
        printf("%s %s%s\n", table, key, (row->flags & ROW_UNSUPPORTED) != 0 ? " refused" : "");
    }
}

int main(void)
{
    static const KindId kinds[] = {KIND_SERVER, KIND_POOL, KIND_NETWORK, KIND_IMAGE, KIND_INSTANCE};

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const Kind *kind = KINDS[kinds[i]];

        print_rows(kind->name, "", kind->fields);
        if (kind->config != NULL)
            print_rows(kind->name, "", kind->config);
    }
    for (const DeviceType *type = DEVICE_TYPES; type->type != NULL; type++) {
        g_autofree char *table =
            g_strconcat("device/", type->type, type->variant != NULL ? "/" : "",
                        type->variant != NULL ? type->variant : "", NULL);

        if (!type->unsupported)
            print_rows(table, "", type->rows);
    }
    return 0;
}
