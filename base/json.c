#include "json.h"
#include "text.h"

#include <malloc.h>
#include <string.h>

char *json_path_part(const char *key)
{
    GString *part = g_string_new(key);

    g_string_replace(part, "%", "%25", 0);
    g_string_replace(part, "/", "%2F", 0);
    return g_string_free(part, FALSE);
}

char **json_path_split(const char *path)
{
    char **parts = g_strsplit(path, "/", -1);

    for (char **part = parts; *part != NULL; part++) {
        char *plain = strchr(*part, '%') != NULL ? g_uri_unescape_string(*part, NULL) : NULL;

        if (plain != NULL) {
            g_free(*part);
            *part = plain;
        }
    }
    return parts;
}

char *json_path_shown(const char *path)
{
    g_auto(GStrv) parts = json_path_split(path);

    return g_strjoinv(".", parts);
}

json_t *json_at(const json_t *root, const char *path)
{
    g_auto(GStrv) parts = json_path_split(path);
    const json_t *at = root;

    for (char **part = parts; at != NULL && *part != NULL; part++)
        at = json_object_get(at, *part);
    return (json_t *)at;
}

const char *json_string_at(const json_t *root, const char *path)
{
    return json_string_value(json_at(root, path));
}

const char *json_member_string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

gboolean json_has_text(const json_t *list, const char *text)
{
    size_t at;
    json_t *item;

    json_array_foreach ((json_t *)list, at, item) {
        if (g_strcmp0(json_string_value(item), text) == 0)
            return TRUE;
    }
    return FALSE;
}

char *json_text(const json_t *value)
{
    char *raw = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    char *text = g_strdup(raw);

    explicit_bzero(raw, strlen(raw)); /* may be a request with secrets, see json_wipe_freed() */
    free(raw);
    return text;
}

gboolean json_is_digest(const char *text)
{
    return text != NULL && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

char *json_digest(const json_t *value)
{
    g_autofree char *text = json_text(value);

    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

GPtrArray *json_sorted_keys(const json_t *object)
{
    GPtrArray *keys = g_ptr_array_new();
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)object, key, value)
        g_ptr_array_add(keys, (void *)key);
    g_ptr_array_sort(keys, text_compare);
    return keys;
}

static void wipe(void *memory)
{
    if (memory == NULL)
        return;
    explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

void json_wipe_freed(void)
{
    json_set_alloc_funcs(malloc, wipe);
}

gboolean json_put_at(json_t *root, const char *path, const json_t *value)
{
    g_auto(GStrv) parts = json_path_split(path);
    guint count = g_strv_length(parts);
    json_t *at = root;

    for (guint i = 0; i + 1 < count; i++) {
        json_t *next = json_object_get(at, parts[i]);

        if (next == NULL && value == NULL)
            return TRUE;
        if (next == NULL) {
            next = json_object();
            json_object_set_new(at, parts[i], next);
        }
        at = next;
    }
    if (count == 0 || !json_is_object(at))
        return FALSE;
    if (value != NULL)
        json_object_set_new(at, parts[count - 1], json_deep_copy(value));
    else
        json_object_del(at, parts[count - 1]);
    return TRUE;
}
