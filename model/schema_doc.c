/* Reference pages from the rows, as Markdown. */
#include "schema.h"

#include <string.h>

#include "error.h"

/* Text for a table cell: '|' would end it. */
static void append_cell(GString *page, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            g_string_append_c(page, '\\');
        g_string_append_c(page, *text);
    }
}

static gboolean has_bounds(const Row *row)
{
    return row->min != 0 || row->max != 0;
}

/* "integer, 0 to 10", "one of a, b". Newly allocated. */
static char *type_text(const Row *row)
{
    GString *text = g_string_new(NULL);

    if (row->type == &TYPE_ENUM) {
        g_autofree char *words = g_strjoinv(", ", (char **)row->values);

        g_string_printf(text, "one of %s", words);
        return g_string_free(text, FALSE);
    }
    g_string_append(text, row->type->name);
    if (row->values != NULL) {
        g_autofree char *words = g_strjoinv(" or ", (char **)row->values);

        g_string_append_printf(text, " or %s", words);
    }
    if (has_bounds(row) && row->max >= G_MAXINT32 && row->max != 4294967294)
        g_string_append_printf(text, ", from %" G_GINT64_FORMAT, row->min);
    else if (has_bounds(row))
        g_string_append_printf(text, ", %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, row->min,
                               row->max);
    return g_string_free(text, FALSE);
}

static const char *const APPLIES_NAMES[] = {"containers", "virtual machines",
                                            "bridge",     "ovn",
                                            "macvlan",    "sriov",
                                            "physical",   "dir",
                                            "btrfs",      "lvm",
                                            "zfs",        "ceph",
                                            "cephfs"};

/* "bridge, ovn"; "" when the row applies everywhere. Newly allocated. */
static char *applies_text(guint applies)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(APPLIES_NAMES); i++)
        if ((applies & (1u << i)) != 0)
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", APPLIES_NAMES[i]);
    return g_string_free(text, FALSE);
}

/* The summary with what has to be said besides. Newly allocated. */
static char *remarks(const Row *row)
{
    GString *text = g_string_new(row->summary);
    g_autofree char *applies = applies_text(row->applies);

    if (applies[0] != '\0')
        g_string_append_printf(text, " (%s only)", applies);
    if ((row->flags & ROW_REQUIRED) != 0)
        g_string_append(text, " Required.");
    if ((row->flags & ROW_GENERATED) != 0)
        g_string_append(text, " Drawn by berth when unset.");
    if ((row->flags & ROW_RUNTIME) != 0 && strstr(row->summary, "ignored") == NULL)
        g_string_append(text, " Written by berth.");
    if ((row->flags & ROW_SECRET) != 0)
        g_string_append(text, " Never shown.");
    if ((row->flags & ROW_UNSUPPORTED) != 0)
        g_string_append(text, " **Not supported by this build.**");
    return g_string_free(text, FALSE);
}

static void append_table_head(GString *page)
{
    g_string_append(
        page, "\n| Key | Type | Default | Change | Meaning | Spec |\n|---|---|---|---|---|---|\n");
}

static void append_row(GString *page, const char *prefix, const Row *row)
{
    g_autofree char *type = type_text(row);
    g_autofree char *text = remarks(row);

    g_string_append_printf(page, "| `%s%s` | ", prefix, row->key);
    append_cell(page, type);
    g_string_append(page, " | ");
    if (row->fallback != NULL) {
        g_string_append_c(page, '`');
        append_cell(page, row->fallback);
        g_string_append_c(page, '`');
    }
    g_string_append_printf(page, " | %s | ", label_to_string(row->label));
    append_cell(page, text);
    g_string_append_printf(page, " | %s |\n", row->spec_id);
    if (row->type->shape == SHAPE_OBJECT && (row->flags & ROW_RUNTIME) == 0)
        for (const Row *field = row->fields; field->key != NULL; field++) {
            g_autofree char *below = g_strdup_printf("%s%s.", prefix, row->key);

            append_row(page, below, field);
        }
}

static void append_rows(GString *page, const Row *rows)
{
    append_table_head(page);
    for (const Row *row = rows; row->key != NULL; row++)
        append_row(page, "", row);
}

/* The first part of a key: its group. */
static gsize group_length(const char *key)
{
    return strcspn(key, ".*");
}

/* One table for each first part of the keys, in order of first appearance. */
static void append_groups(GString *page, const Row *rows)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (const Row *first = rows; first->key != NULL; first++) {
        g_autofree char *group = g_strndup(first->key, group_length(first->key));

        if (g_hash_table_contains(seen, group))
            continue;
        g_string_append_printf(page, "\n### %s\n", group);
        append_table_head(page);
        for (const Row *row = first; row->key != NULL; row++)
            if (group_length(row->key) == strlen(group) &&
                strncmp(row->key, group, strlen(group)) == 0)
                append_row(page, "", row);
        g_hash_table_add(seen, g_steal_pointer(&group));
    }
}

static void append_devices(GString *page)
{
    for (const DeviceType *type = DEVICE_TYPES; type->type != NULL; type++) {
        g_autofree char *applies = applies_text(type->applies);

        g_string_append_printf(page, "\n### %s%s%s\n\n%s (%s; %s)%s\n", type->type,
                               type->variant != NULL ? ", nictype " : "",
                               type->variant != NULL ? type->variant : "", type->summary, applies,
                               type->spec_id,
                               type->unsupported ? " **Not supported by this build.**" : "");
        append_rows(page, type->rows);
    }
}

char *schema_doc(const Kind *kind)
{
    GString *page = g_string_new(NULL);

    g_string_append_printf(page, "# %s\n\n", kind->title);
    if ((kind->flags & KIND_SINGLETON) != 0)
        g_string_append_printf(page, "In a state file: the map `%s`.\n", kind->plural);
    else
        g_string_append_printf(
            page, "In a state file: a list under `%s`. On the command line: `%s/NAME`.\n",
            kind->plural, kind->name);
    g_string_append(page, "\n*Change* says what a new value costs: `none` stored only, `live` "
                          "changed in place, `next-start` in "
                          "force at the next start, `restart` after a restart, `rebuild` a new "
                          "root, `replace` made anew, "
                          "`blocked` never.\n");
    if ((kind->flags & KIND_SINGLETON) == 0) {
        g_string_append(page, "\n## Fields\n");
        append_rows(page, kind->fields);
    }
    if (kind->config != NULL) {
        g_string_append(page, "\n## Config\n");
        append_groups(page, kind->config);
    }
    if (kind->id == KIND_INSTANCE) {
        g_string_append(page, "\n## Devices\n");
        append_devices(page);
    } else if ((kind->flags & KIND_DEVICES) != 0) {
        g_string_append(page, "\n## Devices\n\nThose of an [instance](instance.md#devices).\n");
    }
    return g_string_free(page, FALSE);
}

static char *key_text(const char *path, const Row *row)
{
    GString *text = g_string_new(NULL);
    g_autofree char *type = type_text(row);
    g_autofree char *applies = applies_text(row->applies);

    g_string_append_printf(text, "%s: %s\n\n  type      %s\n", path, row->summary, type);
    if (row->fallback != NULL)
        g_string_append_printf(text, "  default   %s\n", row->fallback);
    if (applies[0] != '\0')
        g_string_append_printf(text, "  only on   %s\n", applies);
    g_string_append_printf(text, "  change    %s\n", label_to_string(row->label));
    if (row->ref != NULL)
        g_string_append_printf(text, "  names     %s\n", row->ref);
    if ((row->flags & ROW_REQUIRED) != 0)
        g_string_append(text, "  required  yes\n");
    if ((row->flags & ROW_GENERATED) != 0)
        g_string_append(text, "  drawn     once by berth when unset\n");
    if ((row->flags & ROW_RUNTIME) != 0)
        g_string_append(text, "  written   by berth only\n");
    if ((row->flags & ROW_UNSUPPORTED) != 0)
        g_string_append(text, "  supported not by this build\n");
    g_string_append_printf(text, "  spec      %s\n", row->spec_id);
    return g_string_free(text, FALSE);
}

/* "devices.TYPE.KEY", where TYPE is a type or a nictype. */
static const Row *device_row(const char *path, const char **ret_nearest)
{
    const char *dot = strchr(path, '.');
    g_autofree char *name = dot != NULL ? g_strndup(path, (gsize)(dot - path)) : NULL;

    for (const DeviceType *type = DEVICE_TYPES; name != NULL && type->type != NULL; type++) {
        const Row *row;

        if (strcmp(type->type, name) != 0 && g_strcmp0(type->variant, name) != 0)
            continue;
        row = row_find(type->rows, dot + 1);
        if (row != NULL)
            return row;
        if (*ret_nearest == NULL)
            *ret_nearest = row_nearest(type->rows, dot + 1);
    }
    return NULL;
}

/* A row of the fields, also one below an object ("source.alias"). */
static const Row *field_row(const Row *rows, const char *key)
{
    const Row *row = row_find(rows, key);
    const char *dot = strchr(key, '.');
    g_autofree char *head = dot != NULL ? g_strndup(key, (gsize)(dot - key)) : NULL;

    if (row != NULL || head == NULL)
        return row;
    row = row_find(rows, head);
    return row != NULL && row->fields != NULL ? field_row(row->fields, dot + 1) : NULL;
}

char *schema_doc_key(const Kind *kind, const char *key, GError **error)
{
    const char *nearest = NULL;
    const Row *row = NULL;

    if (g_str_has_prefix(key, "devices.") && (kind->flags & KIND_DEVICES) != 0) {
        row = device_row(key + strlen("devices."), &nearest);
    } else {
        const char *plain = g_str_has_prefix(key, "config.") ? key + strlen("config.") : key;

        if (plain == key)
            row = field_row(kind->fields, key);
        if (row == NULL && kind->config != NULL)
            row = row_find(kind->config, plain);
        if (row == NULL && kind->config != NULL)
            nearest = row_nearest(kind->config, plain);
        if (row == NULL && nearest == NULL && plain == key)
            nearest = row_nearest(kind->fields, key);
    }
    if (row != NULL) {
        g_autofree char *path = g_strdup_printf("%s.%s", kind->name, key);

        return key_text(path, row);
    }
    if (nearest != NULL)
        error_set(error, ERR_NOT_FOUND, "%s has no key %s; did you mean %s?", kind->name, key,
                  nearest);
    else
        error_set(error, ERR_NOT_FOUND, "%s has no key %s; `berth doc %s` lists them", kind->name,
                  key, kind->name);
    return NULL;
}
