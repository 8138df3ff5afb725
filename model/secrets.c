#include "secrets.h"

#include <string.h>

#include "error.h"

#define PREFIX "${secret:"

/* Control characters that neither YAML nor the values of LXD have: the reader refuses the first. */
#define TOKEN_START '\x02'
#define TOKEN_DIGEST '\x1f'
#define TOKEN_END '\x03'

gboolean secrets_is_reference(const char *text)
{
    return g_str_has_prefix(text, PREFIX) && strchr(text, '}') == text + strlen(text) - 1;
}

/* A name of an environment variable or a credential: no path, nothing hidden. */
static gboolean is_name(const char *name)
{
    return *name != '\0' && *name != '.' && strlen(name) <= 255 &&
           name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

gboolean secrets_check(const char *reference, GError **error)
{
    if (g_str_has_prefix(reference, "file:"))
        return reference[5] == '/' ||
               error_set(error, ERR_INVALID,
                         "the secret ${secret:%s}: write the path of the file from / on",
                         reference);
    if (g_str_has_prefix(reference, "env:") || g_str_has_prefix(reference, "credential:"))
        return is_name(strchr(reference, ':') + 1) ||
               error_set(error, ERR_INVALID, "the secret ${secret:%s}: this is no name", reference);
    return error_set(error, ERR_INVALID,
                     "the secret ${secret:%s}: write file:/PATH, env:NAME or credential:NAME",
                     reference);
}

char *secrets_token(const char *reference, const char *digest)
{
    return g_strdup_printf("%c%s%c%s%c", TOKEN_START, reference, TOKEN_DIGEST,
                           digest != NULL ? digest : "", TOKEN_END);
}

gboolean secrets_in(const char *text)
{
    return strchr(text, TOKEN_START) != NULL;
}

gboolean secrets_is_whole(const char *text)
{
    return *text == TOKEN_START && strchr(text, TOKEN_END) == text + strlen(text) - 1;
}

static gboolean is_open(const char *reference, const char *digest, GString *ret, void *data,
                        GError **error)
{
    gboolean *open = data;

    *open |= digest == NULL;
    return TRUE;
}

gboolean secrets_is_open(const char *text)
{
    gboolean open = FALSE;
    g_autofree char *rest = secrets_replace(text, is_open, &open, NULL);

    return open || secrets_in(rest); /* half a token is none */
}

char *secrets_replace(const char *text, SecretFunction function, void *data, GError **error)
{
    g_autoptr(GString) made = g_string_sized_new(strlen(text));

    for (const char *at = text; *at != '\0';) {
        const char *middle = *at == TOKEN_START ? strchr(at, TOKEN_DIGEST) : NULL;
        const char *end = middle != NULL ? strchr(middle, TOKEN_END) : NULL;
        g_autofree char *reference = NULL;
        g_autofree char *digest = NULL;

        if (end == NULL) {
            g_string_append_c(made, *at++);
            continue;
        }
        reference = g_strndup(at + 1, (gsize)(middle - at) - 1);
        digest = end > middle + 1 ? g_strndup(middle + 1, (gsize)(end - middle) - 1) : NULL;
        if (!function(reference, digest, made, data, error))
            return NULL;
        at = end + 1;
    }
    return g_string_free(g_steal_pointer(&made), FALSE);
}

json_t *secrets_replace_all(const json_t *value, SecretFunction function, void *data,
                            GError **error)
{
    g_autoptr(json_t) made = NULL;
    g_autofree char *text = NULL;
    size_t i;
    const char *key;
    json_t *item;

    if (!secrets_in_value(value))
        return json_incref((json_t *)value);
    if (json_is_string(value)) {
        text = secrets_replace(json_string_value(value), function, data, error);
        made = text != NULL ? json_string_nocheck(text) : NULL;
        if (text != NULL)
            explicit_bzero(text, strlen(text)); /* what was put in may be a content */
        return g_steal_pointer(&made);
    }
    made = json_is_array(value) ? json_array() : json_object();
    json_array_foreach ((json_t *)value, i, item) {
        json_t *replaced = secrets_replace_all(item, function, data, error);

        if (replaced == NULL)
            return NULL;
        json_array_append_new(made, replaced);
    }
    json_object_foreach ((json_t *)value, key, item) {
        json_t *replaced = secrets_replace_all(item, function, data, error);

        if (replaced == NULL)
            return NULL;
        json_object_set_new_nocheck(made, key, replaced);
    }
    return g_steal_pointer(&made);
}

static gboolean any_text(const json_t *value, gboolean (*matches)(const char *text))
{
    size_t i;
    const char *key;
    json_t *item;

    if (json_is_string(value))
        return matches(json_string_value(value));
    json_array_foreach ((json_t *)value, i, item)
        if (any_text(item, matches))
            return TRUE;
    json_object_foreach ((json_t *)value, key, item)
        if (any_text(item, matches))
            return TRUE;
    return FALSE;
}

gboolean secrets_in_value(const json_t *value)
{
    return any_text(value, secrets_in);
}

gboolean secrets_are_open(const json_t *value)
{
    return any_text(value, secrets_is_open);
}

/* ---- what is shown ---- */

static gboolean show(const char *reference, const char *digest, GString *ret, void *data,
                     GError **error)
{
    g_string_append_printf(ret, PREFIX "%s}", reference);
    return TRUE;
}

char *secrets_shown(const char *text)
{
    static GRegex *escaped;
    g_autofree char *shown = secrets_in(text) ? secrets_replace(text, show, NULL, NULL) : NULL;

    if (strstr(shown != NULL ? shown : text, "\\u0002") == NULL)
        return shown != NULL ? g_steal_pointer(&shown) : g_strdup(text);
    if (g_once_init_enter(&escaped)) {
        GRegex *regex = g_regex_new("\\\\u0002(.*?)\\\\u001[fF][0-9a-f]*\\\\u0003",
                                    G_REGEX_OPTIMIZE | G_REGEX_RAW, 0, NULL);

        g_once_init_leave(&escaped, regex);
    }
    return g_regex_replace(escaped, shown != NULL ? shown : text, -1, 0, "${secret:\\1}", 0, NULL);
}

char *secrets_show(char *text)
{
    char *shown;

    if (!secrets_in(text) && strstr(text, "\\u0002") == NULL)
        return text;
    shown = secrets_shown(text);
    g_free(text);
    return shown;
}

gboolean secrets_changed(const json_t *before, const json_t *after)
{
    const char *old = json_string_value(before), *new = json_string_value(after);
    g_autofree char *old_shown = NULL;
    g_autofree char *new_shown = NULL;

    if (old == NULL || new == NULL || strcmp(old, new) == 0 || !secrets_in(old))
        return FALSE;
    old_shown = secrets_shown(old);
    new_shown = secrets_shown(new);
    return strcmp(old_shown, new_shown) == 0;
}

json_t *secrets_unshown(const json_t *value, const json_t *stored)
{
    json_t *made, *item;
    const char *key;
    size_t i;

    if (json_is_string(value) && json_is_string(stored) && secrets_in(json_string_value(stored))) {
        g_autofree char *shown = secrets_shown(json_string_value(stored));

        return json_incref(
            (json_t *)(strcmp(shown, json_string_value(value)) == 0 ? stored : value));
    }
    if (!json_is_object(value) && !json_is_array(value))
        return json_incref((json_t *)value);
    made = json_is_array(value) ? json_array() : json_object();
    json_array_foreach ((json_t *)value, i, item)
        json_array_append_new(made, secrets_unshown(item, json_array_get(stored, i)));
    json_object_foreach ((json_t *)value, key, item)
        json_object_set_new_nocheck(made, key, secrets_unshown(item, json_object_get(stored, key)));
    return made;
}
