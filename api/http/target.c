#include "http/target.h"

#include <string.h>

#include "error.h"

struct Target {
    char *path;
    char **segments;
    GPtrArray *query; /* name, value, name, value ... */
};

/* A query of this many parameters is no honest one. */
#define MAX_PARAMETERS 1000

static gboolean is_clean(const char *text, gsize length)
{
    if (memchr(text, '\0', length) != NULL || !g_utf8_validate(text, (gssize)length, NULL))
        return FALSE;
    for (gsize i = 0; i < length; i++)
        if ((guchar)text[i] < 0x20 || text[i] == 0x7f)
            return FALSE;
    return TRUE;
}

/* Decodes %XX, and '+' as a space where `plus` says so. NULL when an escape is broken or the result
 * is not clean text. */
static char *decode(const char *text, gsize length, gboolean plus)
{
    g_autoptr(GString) out = g_string_sized_new(length);

    for (gsize i = 0; i < length; i++) {
        if (text[i] == '%') {
            if (i + 2 >= length || !g_ascii_isxdigit(text[i + 1]) || !g_ascii_isxdigit(text[i + 2]))
                return NULL;
            g_string_append_c(out, (char)(g_ascii_xdigit_value(text[i + 1]) * 16 +
                                          g_ascii_xdigit_value(text[i + 2])));
            i += 2;
        } else {
            g_string_append_c(out, plus && text[i] == '+' ? ' ' : text[i]);
        }
    }
    return is_clean(out->str, out->len) ? g_strndup(out->str, out->len) : NULL;
}

static gboolean read_path(Target *target, const char *path, gsize length)
{
    g_autoptr(GPtrArray) segments = g_ptr_array_new_with_free_func(g_free);

    target->path = g_strndup(path, length);
    for (const char *at = path, *end = path + length; at < end;) {
        const char *slash = memchr(at, '/', (gsize)(end - at));
        gsize size = (gsize)((slash != NULL ? slash : end) - at);
        char *segment = size > 0 ? decode(at, size, FALSE) : NULL;

        if (size > 0 && segment == NULL)
            return FALSE;
        if (segment != NULL)
            g_ptr_array_add(segments, segment);
        at += size + 1;
    }
    g_ptr_array_add(segments, NULL);
    target->segments = (char **)g_ptr_array_steal(segments, NULL);
    return TRUE;
}

static gboolean read_query(Target *target, const char *query)
{
    g_auto(GStrv) parts = g_strsplit(query, "&", MAX_PARAMETERS + 1);

    if (g_strv_length(parts) > MAX_PARAMETERS)
        return FALSE;
    for (char **part = parts; *part != NULL; part++) {
        gsize length = strcspn(*part, "=");
        const char *value = (*part)[length] == '=' ? *part + length + 1 : "";
        char *name;
        char *decoded;

        if (**part == '\0')
            continue;
        name = decode(*part, length, TRUE);
        if (name == NULL)
            return FALSE;
        g_ptr_array_add(target->query, name);
        decoded = decode(value, strlen(value), TRUE);
        if (decoded == NULL)
            return FALSE;
        g_ptr_array_add(target->query, decoded);
    }
    return TRUE;
}

/* "http://host/path" -> "/path" */
static const char *without_authority(const char *text)
{
    const char *rest;

    if (g_ascii_strncasecmp(text, "http://", 7) == 0)
        rest = text + 7;
    else if (g_ascii_strncasecmp(text, "https://", 8) == 0)
        rest = text + 8;
    else
        return text;
    rest = strchr(rest, '/');
    return rest != NULL ? rest : "/";
}

Target *target_parse(const char *text, GError **error)
{
    g_autoptr(Target) target = g_new0(Target, 1);
    gsize length;

    target->query = g_ptr_array_new_with_free_func(g_free);
    text = without_authority(text);
    length = strcspn(text, "?");
    if (text[0] != '/' || strchr(text, '#') != NULL || !is_clean(text, strlen(text)) ||
        !read_path(target, text, length) ||
        (text[length] == '?' && !read_query(target, text + length + 1))) {
        error_set(error, ERR_INVALID,
                  "the address of the request is not valid: write a path that starts with '/', "
                  "with UTF-8 text and whole %%XX escapes");
        return NULL;
    }
    return g_steal_pointer(&target);
}

void target_free(Target *target)
{
    if (target == NULL)
        return;
    g_free(target->path);
    g_strfreev(target->segments);
    g_ptr_array_unref(target->query);
    g_free(target);
}

const char *target_path(const Target *target)
{
    return target->path;
}

const char *const *target_segments(const Target *target)
{
    return (const char *const *)target->segments;
}

const char *target_query(const Target *target, const char *name)
{
    for (guint i = 0; i + 1 < target->query->len; i += 2)
        if (strcmp(target->query->pdata[i], name) == 0)
            return target->query->pdata[i + 1];
    return NULL;
}

const char **target_query_all(const Target *target, const char *name)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new();

    for (guint i = 0; i + 1 < target->query->len; i += 2)
        if (strcmp(target->query->pdata[i], name) == 0)
            g_ptr_array_add(values, target->query->pdata[i + 1]);
    g_ptr_array_add(values, NULL);
    return (const char **)g_ptr_array_steal(values, NULL);
}

const char **target_query_names(const Target *target)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i + 1 < target->query->len; i += 2)
        if (g_hash_table_add(seen, target->query->pdata[i]))
            g_ptr_array_add(names, target->query->pdata[i]);
    g_ptr_array_add(names, NULL);
    return (const char **)g_ptr_array_steal(names, NULL);
}
