/* The checked-in files that are printed from the rows. */
#include "schema.h"

static char *pretty(const Kind *kind)
{
    g_autoptr(json_t) schema = schema_of(kind);
    char *raw = json_dumps(schema, JSON_INDENT(2));
    char *text = g_strconcat(raw, "\n", NULL);

    free(raw);
    return text;
}

GPtrArray *schema_files(void)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(files, g_strdup("schemas/state.json"));
    g_ptr_array_add(files, pretty(NULL));
    for (guint i = 0; i < KIND_MAX; i++) {
        g_ptr_array_add(files, g_strdup_printf("schemas/%s.json", KINDS[i]->name));
        g_ptr_array_add(files, pretty(KINDS[i]));
        g_ptr_array_add(files, g_strdup_printf("docs/keys/%s.md", KINDS[i]->name));
        g_ptr_array_add(files, schema_doc(KINDS[i]));
    }
    g_ptr_array_add(files, g_strdup("docs/keys/support.md"));
    g_ptr_array_add(files, schema_support());
    return files;
}
