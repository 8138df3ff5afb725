#include "kind_rows.h"

#include <string.h>

#include "error.h"
#include "image_origin.h"
#include "validate.h"

static const Row source_rows[] = {
    ROW("builtin", ENUM, NULL, 0, REPLACE, 0, "EN-08", "An image that berth makes itself, offline.",
        WORDS("busybox")),
    ROW("file", PATH, NULL, 0, REPLACE, 0, "EN-08",
        "Local tarball: a whole image, or its metadata beside `rootfs`."),
    ROW("rootfs", PATH, NULL, 0, REPLACE, 0, "EN-08",
        "Local tarball or squashfs with the root of a split image."),
    ROW("type", ENUM, NULL, 0, REPLACE, 0, "IMG-021",
        "Where the image comes from: `image` is another server, `url` a file on the web.",
        WORDS("image", "url", "instance", "snapshot")),
    ROW("alias", STRING, NULL, 0, REPLACE, 0, "IMG-036", "Name on the image server."),
    ROW("fingerprint", STRING, NULL, 0, REPLACE, 0, "IMG-036",
        "Fingerprint on the image server, or the beginning of it."),
    ROW("server", STRING, NULL, 0, REPLACE, 0, "IMG-035", "Image server: https://HOST[:PORT]."),
    ROW("protocol", ENUM, "lxd", 0, REPLACE, 0, "IMG-036", "Protocol of the image server.",
        WORDS("lxd", "simplestreams")),
    ROW("certificate", STRING, NULL, 0, NONE, 0, "IMG-036",
        "Certificate of the image server (PEM): who has its key is the server. Unset: a well-known "
        "authority vouches for it."),
    ROW("secret", STRING, NULL, 0, NONE, SECRET, "IMG-036", "One-time secret of a private image."),
    ROW("mode", ENUM, "pull", 0, NONE, 0, "IMG-036",
        "Who opens the connection; only pull is supported.", WORDS("pull", "push", "relay")),
    ROW("image_type", ENUM, NULL, 0, REPLACE, 0, "IMG-036",
        "Type of the image; only containers are supported.", WORDS("container", "virtual-machine")),
    ROW("project", STRING, NULL, 0, REPLACE, 0, "IMG-036", "Project on the image server."),
    ROW("url", STRING, NULL, 0, REPLACE, 0, "IMG-042",
        "Web address (https) that says where a whole image is, and its hash."),
    ROW("name", STRING, NULL, 0, REPLACE, REFUSED, "IMG-021", "Instance or snapshot to publish."),
    ROW_END,
};

static const Row update_rows[] = {
    ROW("*", STRING, NULL, 0, NONE, RUNTIME, "IMG-016", "Computed, ignored when read."),
    ROW_END,
};

#define COMPUTED(row_key, row_type, row_spec)                                                      \
    ROW(row_key, row_type, NULL, 0, NONE, RUNTIME, row_spec, "Computed, ignored when read.")

static const Row fields[] = {
    ROW("source", OBJECT, NULL, 0, REPLACE, REQUIRED | ROW_SHORT, "EN-08",
        "What the image is made from; `builtin:NAME` or a path are short forms.",
        .fields = source_rows),
    ROW("aliases", LIST, NULL, 0, NONE, 0, "IMG-002", "More names of the image, besides its own.",
        .merge_key = "name"),
    ROW("alias_descriptions", MAP, NULL, 0, NONE, 0, "IMG-002",
        "What is said of names of the image: NAME to text."),
    ROW("properties", MAP, NULL, 0, NONE, 0, "IMG-012",
        "Properties on top of those in the image's metadata."),
    ROW("public", FLAG, "false", 0, NONE, 0, "IMG-013",
        "Clients without any right may see and fetch it."),
    ROW("auto_update", FLAG, "false", 0, NONE, 0, "IMG-004",
        "The daemon looks for a newer one every images.auto_update_interval hours, and puts it in "
        "this one's place; meanwhile new instances take this one (IMG-092). A declared image "
        "stays."),
    ROW("refresh", ENUM, "manual", 0, NONE, ROW_META, "EN-09",
        "auto: each plan asks the server and takes what is newer, whatever images.lock says.",
        WORDS("manual", "auto")),
    ROW("profiles", LIST, NULL, 0, NONE, 0, "IMG-011",
        "Profiles of instances that are made of it over the API and name none; [default] when "
        "unset.",
        .ref = "profile"),
    ROW("expires_at", TIME, NULL, 0, NONE, 0, "IMG-007",
        "When a cached image is dropped at the latest; others stay."),
    META_ROWS,
    COMPUTED("architecture", STRING, "IMG-003"),
    COMPUTED("cached", FLAG, "IMG-005"),
    COMPUTED("created_at", TIME, "IMG-006"),
    COMPUTED("filename", STRING, "IMG-008"),
    COMPUTED("fingerprint", STRING, "IMG-001"),
    COMPUTED("last_used_at", TIME, "IMG-009"),
    COMPUTED("uploaded_at", TIME, "IMG-010"),
    COMPUTED("size", NUMBER, "IMG-014"),
    COMPUTED("type", STRING, "IMG-015"),
    ROW("update_source", OBJECT, NULL, 0, NONE, RUNTIME, "IMG-016", "Computed, ignored when read.",
        .fields = update_rows),
    ROW_END,
};

/* An image's name is an alias, which may hold slashes ("debian/12", IMG-031). */
static gboolean check_name(const char *name, GError **error)
{
    if (name[0] == '\0')
        return error_set(error, ERR_INVALID, "the name is empty");
    for (const char *at = name; *at != '\0'; at++)
        if (g_ascii_iscntrl(*at) || g_ascii_isspace(*at))
            return error_set(error, ERR_INVALID, "\"%s\" cannot name an image: it holds a blank",
                             name);
    return TRUE;
}

static void check_aliases(const Object *object, Problems *problems)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *alias;
    size_t i;

    g_hash_table_add(seen, object->id.name);
    json_array_foreach (json_object_get(object->spec, "aliases"), i, alias) {
        const char *name = json_string_value(alias);
        g_autoptr(GError) error = NULL;

        if (name == NULL)
            continue;
        if (!check_name(name, &error))
            problem_add(problems, PROBLEM_ERROR, object, "aliases", "%s", error->message);
        else if (!g_hash_table_add(seen, (void *)name))
            problem_add(problems, PROBLEM_ERROR, object, "aliases",
                        "the name \"%s\" is given twice", name);
    }
}

static void check(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    const json_t *source = json_object_get(object->spec, "source");
    const char *type = json_member_string(source, "type");
    gboolean builtin = json_object_get(source, "builtin") != NULL;
    gboolean file = json_object_get(source, "file") != NULL;
    gboolean rootfs = json_object_get(source, "rootfs") != NULL;
    gboolean remote = image_origin_is_given(source);

    check_aliases(object, problems);
    if (g_strcmp0(type, "instance") == 0 || g_strcmp0(type, "snapshot") == 0) {
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "source/type",
                    "an image of an %s is not supported by this build", type);
        return;
    }
    if (rootfs && !file)
        problem_add(problems, PROBLEM_ERROR, object, "source/rootfs",
                    "needs `file`, the metadata part of the image");
    if (builtin + file + remote > 1)
        problem_add(problems, PROBLEM_ERROR, object, "source",
                    "names more than one origin: keep one");
    else if (remote)
        image_origin_check(object, source, problems);
    else if (!builtin && !file && !rootfs)
        problem_add(problems, PROBLEM_ERROR, object, "source",
                    "names no origin: write e.g. `builtin:busybox`, the path of an image file, or "
                    "{server, protocol, alias}");
}

const Kind IMAGE_KIND = {
    .id = KIND_IMAGE,
    .name = "image",
    .plural = "images",
    .title = "image",
    .api = "images",
    .flags = KIND_IN_PROJECT,
    .feature = "features.images",
    .fields = fields,
    .check = check,
    .check_name = check_name,
};
