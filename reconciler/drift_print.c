/* Drift for people: the states of each field side by side (EN-22). */
#include <string.h>

#include "drift.h"

/* Longer values are cut: three of them stand side by side. */
#define VALUE_WIDTH 40

/* Beside a whole object there is nothing to compare it with. */
static char *value_text(const json_t *value)
{
    return json_is_object(value) ? g_strdup("(there)") : plan_value_text(value, VALUE_WIDTH);
}

/* Rows of cells, owned, the first of titles; `columns` each. */
static void print_aligned(const GPtrArray *cells, guint columns, GString *text)
{
    g_autofree glong *widths = g_new0(glong, columns);

    for (guint i = 0; i < cells->len; i++)
        widths[i % columns] = MAX(widths[i % columns], g_utf8_strlen(cells->pdata[i], -1));
    for (guint i = 0; i < cells->len; i++) {
        const char *cell = cells->pdata[i];
        glong blank = widths[i % columns] - g_utf8_strlen(cell, -1);

        g_string_append_printf(text, "%s%s", i % columns == 0 ? "      " : "  ", cell);
        if (i % columns == columns - 1)
            g_string_append_c(text, '\n');
        else
            g_string_append_printf(text, "%*s", (int)blank, "");
    }
}

static void print_fields(const json_t *entry, gboolean with_desired, GString *text)
{
    static const char *const titles[] = {"FIELD", "DESIRED", "STORED", "RUNNING", "COST"};
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    const json_t *field;
    size_t i;

    for (guint t = 0; t < G_N_ELEMENTS(titles); t++)
        if (with_desired || (t != 1 && t != 4))
            g_ptr_array_add(cells, g_strdup(titles[t]));
    json_array_foreach (json_object_get(entry, "fields"), i, field) {
        const char *state = json_member_string(field, "state");
        const char *label = json_member_string(field, "label");
        g_autofree char *path = json_path_shown(json_member_string(field, "path"));
        gboolean drift = g_strcmp0(state, "drift") == 0;

        g_ptr_array_add(cells, drift ? g_strdup(path) : g_strdup_printf("%s (%s)", path, state));
        if (with_desired)
            g_ptr_array_add(cells, value_text(json_object_get(field, "desired")));
        g_ptr_array_add(cells, value_text(json_object_get(field, "stored")));
        g_ptr_array_add(cells, value_text(json_object_get(field, "running")));
        if (with_desired)
            g_ptr_array_add(cells, g_strdup(label));
    }
    print_aligned(cells, with_desired ? 5 : 3, text);
}

/* "drifted since TIME, "; "" for what has not. */
static char *since_text(const json_t *entry)
{
    const json_t *since = json_object_get(entry, "since");
    g_autoptr(GDateTime) time =
        json_is_integer(since) ? g_date_time_new_from_unix_utc(json_integer_value(since)) : NULL;
    g_autofree char *text = time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : NULL;

    if (!drift_has_state(entry, "drift"))
        return g_strdup("");
    return text != NULL ? g_strdup_printf("drifted since %s, ", text)
                        : g_strdup("drifted, since when nobody has noticed, ");
}

void drift_print(const json_t *list, gboolean with_desired, gboolean colour, GString *text)
{
    const json_t *entry;
    size_t i;

    json_array_foreach (list, i, entry) {
        g_autofree char *label = object_key_label(json_member_string(entry, "key"));
        g_autofree char *since = since_text(entry);

        g_string_append_printf(text, colour ? "  \033[35m! %s\033[0m" : "  ! %s", label);
        if (with_desired)
            g_string_append_printf(text, "  %smode %s: %s", since,
                                   json_member_string(entry, "mode"),
                                   json_member_string(entry, "next"));
        g_string_append_c(text, '\n');
        print_fields(entry, with_desired, text);
    }
}

void drift_print_patch(const json_t *list, GString *text)
{
    const json_t *entry, *field;
    size_t i, f;

    json_array_foreach (list, i, entry) {
        g_autofree char *label = object_key_label(json_member_string(entry, "key"));

        g_string_append_printf(text, "--- stored/%s\n+++ running/%s\n", label, label);
        json_array_foreach (json_object_get(entry, "fields"), f, field) {
            const json_t *stored = json_object_get(field, "stored");
            const json_t *running = json_object_get(field, "running");
            g_autofree char *path = json_path_shown(json_member_string(field, "path"));
            g_autofree char *before = plan_value_text(stored, 0);
            g_autofree char *after = plan_value_text(running, 0);

            if (!json_is_null(stored))
                g_string_append_printf(text, "-%s: %s\n", path, before);
            if (!json_is_null(running))
                g_string_append_printf(text, "+%s: %s\n", path, after);
        }
    }
}
