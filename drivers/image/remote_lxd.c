/* LXD's own protocol (IMG-037). */
#include "image/remote.h"

#include <string.h>

#include "error.h"

/* "?project=P&secret=S" of what is given, or "". */
static char *query_of(const json_t *source)
{
    static const char *const members[] = {"project", "secret"};
    GString *query = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
        const char *text = json_member_string(source, members[i]);
        g_autofree char *escaped =
            text != NULL && *text != '\0' ? g_uri_escape_string(text, NULL, FALSE) : NULL;

        if (escaped != NULL)
            g_string_append_printf(query, "%c%s=%s", query->len == 0 ? '?' : '&', members[i],
                                   escaped);
    }
    return g_string_free(query, FALSE);
}

/* What an alias means there; NULL when it is none. */
static char *target_of(const FetchServer *server, const char *alias, const char *query)
{
    g_autofree char *escaped = g_uri_escape_string(alias, NULL, FALSE);
    g_autofree char *path = g_strdup_printf("/1.0/images/aliases/%s%s", escaped, query);
    g_autoptr(json_t) answer = fetch_json(server, path, NULL);

    return g_strdup(json_string_at(answer, "metadata/target"));
}

static gboolean is_hex(const char *text)
{
    return strspn(text, "0123456789abcdef") == strlen(text);
}

gboolean image_remote_find_lxd(const FetchServer *server, const json_t *source, ImageFound *ret,
                               GError **error)
{
    const char *alias = json_member_string(source, "alias");
    const char *print = json_member_string(source, "fingerprint");
    const char *name = print != NULL && *print != '\0' ? print : alias;
    g_autofree char *query = query_of(source);
    /* lxc writes an alias as fingerprint when the image is public. */
    gboolean whole = name != NULL && strlen(name) == 64 && is_hex(name);
    g_autofree char *target =
        name != NULL && *name != '\0' && !whole ? target_of(server, name, query) : NULL;
    const char *wanted = target != NULL ? target : name;
    g_autofree char *escaped = NULL;
    g_autofree char *path = NULL;
    g_autoptr(json_t) answer = NULL;
    const json_t *image;

    if (wanted == NULL || *wanted == '\0')
        return error_set(error, ERR_INVALID, "source: names neither an alias nor a fingerprint");
    escaped = g_uri_escape_string(wanted, NULL, FALSE);
    path = g_strdup_printf("/1.0/images/%s%s", escaped, query);
    answer = fetch_json(server, path, error);
    if (answer == NULL)
        return FALSE;
    image = json_object_get(answer, "metadata");
    print = json_member_string(image, "fingerprint");
    if (print == NULL || strlen(print) != 64 || !is_hex(print))
        return error_set(error, ERR_FAILED, "%s shows an image without a fingerprint", server->url);
    ret->fingerprint = g_strdup(print);
    ret->filename = g_strdup(json_member_string(image, "filename"));
    ret->architecture = g_strdup(json_member_string(image, "architecture"));
    ret->created_at = g_strdup(json_member_string(image, "created_at"));
    ret->size = (guint64)MAX(0, json_integer_value(json_object_get(image, "size")));
    ret->properties = json_incref(json_object_get(image, "properties"));
    ret->paths[0] = g_strdup_printf("/1.0/images/%s/export%s", print, query);
    return TRUE;
}
