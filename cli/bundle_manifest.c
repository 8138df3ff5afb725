#include <string.h>

#include "bundle.h"
#include "error.h"

#define FORMAT "berth-bundle"
#define VERSION 1
#define NAME_MAX_BYTES 1024u
#define NAME_MAX_DEPTH 64u

void bundle_clear(Bundle *bundle)
{
    g_clear_pointer(&bundle->manifest, json_decref);
}

gboolean bundle_name_is_safe(const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    guint depth = g_strv_length(parts);

    if (strlen(name) > NAME_MAX_BYTES || depth < 2 || depth > NAME_MAX_DEPTH ||
        !g_utf8_validate(name, -1, NULL))
        return FALSE;
    for (const char *at = name; *at != '\0'; at++)
        if (g_ascii_iscntrl(*at))
            return FALSE;
    for (guint i = 0; i < depth; i++)
        if (*parts[i] == '\0' || strcmp(parts[i], ".") == 0 || strcmp(parts[i], "..") == 0 ||
            strlen(parts[i]) > 255)
            return FALSE;
    return strcmp(parts[0], "files") == 0 ||
           (depth == 2 && (strcmp(parts[0], "images") == 0 || strcmp(parts[0], "vars") == 0));
}

static gboolean bad(GError **error, const char *what)
{
    return error_set(error, ERR_INVALID, BUNDLE_MANIFEST ": %s", what);
}

static gboolean check_members(const json_t *members, GError **error)
{
    guint64 total = 0;
    const char *name;
    json_t *member;

    if (!json_is_object(members) || json_object_size(members) > BUNDLE_MAX_MEMBERS)
        return bad(error, "it lists no members, or too many");
    json_object_foreach ((json_t *)members, name, member) {
        json_int_t size = json_integer_value(json_object_get(member, "size"));
        g_autofree char *shown = g_strescape(name, NULL);

        if (!bundle_name_is_safe(name))
            return error_set(error, ERR_INVALID,
                             BUNDLE_MANIFEST ": \"%.120s\" is no name of a member", shown);
        if (!json_is_digest(json_member_string(member, "sha256")) || size < 0 ||
            !json_is_integer(json_object_get(member, "size")))
            return error_set(error, ERR_INVALID, BUNDLE_MANIFEST ": %.120s has no digest or size",
                             shown);
        if ((guint64)size > BUNDLE_MAX_BYTES - total ||
            (!g_str_has_prefix(name, "images/") && size > BUNDLE_MAX_TEXT))
            return error_set(error, ERR_INVALID, BUNDLE_MANIFEST ": %.120s is too large", shown);
        total += (guint64)size;
    }
    return TRUE;
}

static gboolean check_images(const json_t *images, const json_t *members, GError **error)
{
    const json_t *image;
    size_t i;

    if (!json_is_array(images))
        return bad(error, "it has no list of images");
    json_array_foreach (images, i, image) {
        const char *fingerprint = json_member_string(image, "fingerprint");
        gboolean split = json_is_true(json_object_get(image, "split"));
        g_autofree char *file = g_strdup_printf("images/%s", fingerprint);
        g_autofree char *rootfs = g_strdup_printf("%s.rootfs", file);

        if (!json_is_digest(fingerprint) || json_member_string(image, "name") == NULL ||
            json_member_string(image, "source") == NULL)
            return bad(error, "an image without a name, a fingerprint or a source");
        if (json_object_get(members, file) == NULL ||
            split != (json_object_get(members, rootfs) != NULL))
            return error_set(error, ERR_INVALID,
                             BUNDLE_MANIFEST ": the files of image %s are not those it says",
                             fingerprint);
    }
    return TRUE;
}

/* A list of texts; of members below `folder` unless that is NULL. */
static gboolean check_texts(const json_t *list, const char *folder, const json_t *members,
                            GError **error)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(list))
        return bad(error, "it does not say what to read");
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);

        if (text == NULL || (folder != NULL && (!g_str_has_prefix(text, folder) ||
                                                json_object_get(members, text) == NULL)))
            return bad(error, "it names what is no member");
    }
    return TRUE;
}

/* What is to be read: a member or a folder of members below files/, which may be files/ itself. */
static gboolean check_paths(const json_t *paths, GError **error)
{
    const json_t *item;
    size_t i;

    if (!check_texts(paths, NULL, NULL, error))
        return FALSE;
    if (json_array_size(paths) == 0)
        return bad(error, "it does not say what to read");
    json_array_foreach (paths, i, item) {
        g_autofree char *name = g_strconcat("files/", json_string_value(item), NULL);

        if (strcmp(json_string_value(item), ".") != 0 && !bundle_name_is_safe(name))
            return bad(error, "it names a path that is none of its own");
    }
    return TRUE;
}

json_t *bundle_manifest_parse(const char *text, gsize length, GError **error)
{
    json_error_t mistake;
    g_autoptr(json_t) manifest = json_loadb(text, length, JSON_REJECT_DUPLICATES, &mistake);
    const json_t *members = json_object_get(manifest, "members");
    const json_t *variables = json_object_get(manifest, "variables");

    if (g_strcmp0(json_member_string(manifest, "format"), FORMAT) != 0) {
        error_set(error, ERR_INVALID,
                  "this is no bundle: " BUNDLE_MANIFEST " is not one of berth%s%s",
                  manifest == NULL ? ": " : "", manifest == NULL ? mistake.text : "");
        return NULL;
    }
    if (json_integer_value(json_object_get(manifest, "format_version")) != VERSION) {
        error_set(error, ERR_UNSUPPORTED, "this bundle has a format that this berth does not know");
        return NULL;
    }
    if (!check_members(members, error) ||
        !check_images(json_object_get(manifest, "images"), members, error) ||
        !check_paths(json_object_get(manifest, "paths"), error) ||
        !check_texts(json_object_get(variables, "given"), NULL, members, error) ||
        !check_texts(json_object_get(variables, "files"), "vars/", members, error))
        return NULL;
    return g_steal_pointer(&manifest);
}
