#include <string.h>

#include "body.h"

/* Fewer hex digits than this are taken for a name; IMG-001 allows any unique beginning of a
 * fingerprint where one is meant. */
#define FINGERPRINT_MIN 12u
#define FINGERPRINT_MAX 64u

static gboolean is_fingerprint(const char *text)
{
    gsize length = strlen(text);

    return length >= FINGERPRINT_MIN && length <= FINGERPRINT_MAX &&
           strspn(text, "0123456789abcdef") == length;
}

static char *resolve_file(const char *file, const char *folder)
{
    return folder != NULL ? g_canonicalize_filename(file, folder) : g_strdup(file);
}

char *body_folder(const BodySource *source, const Node *node)
{
    g_autofree char *path = NULL;

    if (node->file == NULL || source->file == NULL || strcmp(node->file, source->file) == 0)
        return g_strdup(source->folder);
    path = g_canonicalize_filename(node->file, NULL);
    return g_path_get_dirname(path);
}

void body_resolve_files(json_t *source, const char *folder)
{
    static const char *const members[] = {"file", "rootfs"};

    for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
        const char *file = json_member_string(source, members[i]);

        if (file != NULL) {
            g_autofree char *absolute = resolve_file(file, folder);

            json_object_set_new_nocheck(source, members[i], json_string_nocheck(absolute));
        }
    }
}

json_t *body_long_source(KindId kind, const char *text, const char *folder)
{
    if (kind == KIND_INSTANCE)
        return json_pack("{s:s}", is_fingerprint(text) ? "fingerprint" : "alias", text);
    if (g_str_has_prefix(text, "builtin:") && text[strlen("builtin:")] != '\0')
        return json_pack("{s:s}", "builtin", text + strlen("builtin:"));
    if (*text == '/' || g_str_has_prefix(text, "./") || g_str_has_prefix(text, "../")) {
        g_autofree char *absolute = resolve_file(text, folder);

        return json_pack("{s:s}", "file", absolute);
    }
    return NULL;
}

char *body_short_source(const Object *object, const Row *row, const json_t *value)
{
    const char *member = json_object_iter_key(json_object_iter((json_t *)value));
    const char *text = member != NULL ? json_member_string(value, member) : NULL;

    if (strcmp(row->key, "source") != 0 || text == NULL || json_object_size(value) != 1)
        return NULL;
    if (object->id.kind == KIND_INSTANCE &&
        ((strcmp(member, "alias") == 0 && !is_fingerprint(text)) ||
         (strcmp(member, "fingerprint") == 0 && is_fingerprint(text))))
        return g_strdup(text);
    if (object->id.kind == KIND_IMAGE && strcmp(member, "builtin") == 0)
        return g_strconcat("builtin:", text, NULL);
    if (object->id.kind == KIND_IMAGE && strcmp(member, "file") == 0 && *text == '/')
        return g_strdup(text);
    return NULL;
}
