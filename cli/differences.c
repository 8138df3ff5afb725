#include "differences.h"

#include <string.h>

static char *value_text(const json_t *value)
{
    if (json_is_string(value) && *json_string_value(value) != '\0' &&
        strpbrk(json_string_value(value), "\n\t\033") == NULL)
        return g_strdup(json_string_value(value));
    return json_text(value);
}

char *differences_line(const char *path, const json_t *before, const json_t *after)
{
    g_autofree char *from = before != NULL && !json_is_null(before) ? value_text(before) : NULL;
    g_autofree char *to = after != NULL && !json_is_null(after) ? value_text(after) : NULL;

    if (from == NULL)
        return g_strdup_printf("  %s: %s\n", path, to != NULL ? to : "(unset)");
    return g_strdup_printf("  %s: %s -> %s\n", path, from, to != NULL ? to : "(unset)");
}

static void append(GString *text, const char *path, const json_t *before, const json_t *after)
{
    g_autoptr(json_t) all = NULL;
    g_autoptr(GPtrArray) keys = NULL;

    if (before != NULL && after != NULL && json_equal(before, after))
        return;
    if ((before != NULL && !json_is_object(before)) || (after != NULL && !json_is_object(after))) {
        g_autofree char *line = differences_line(path, before, after);

        g_string_append(text, line);
        return;
    }
    all = before != NULL ? json_copy((json_t *)before) : json_object();
    if (after != NULL)
        json_object_update_missing(all, (json_t *)after);
    keys = json_sorted_keys(all);
    for (guint i = 0; i < keys->len; i++) {
        const char *key = g_ptr_array_index(keys, i);
        g_autofree char *below = *path != '\0' ? g_strconcat(path, "/", key, NULL) : g_strdup(key);

        append(text, below, json_object_get(before, key), json_object_get(after, key));
    }
}

char *differences_text(const json_t *before, const json_t *after)
{
    GString *text = g_string_new(NULL);

    append(text, "", before, after);
    return g_string_free(text, FALSE);
}
