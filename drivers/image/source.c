#include "image/source.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "host.h"
#include "image/builtin.h"
#include "image/digest.h"
#include "image/metadata.h"
#include "image/unpack.h"
#include "json.h"
#include "paths.h"

#define STAT_KEY "$stat"

/* Which file it is and when it was changed last. FALSE when it is not there. */
static gboolean add_stat(GString *text, const char *path)
{
    struct stat st;

    if (path == NULL)
        return TRUE;
    if (stat(path, &st) < 0)
        return FALSE;
    g_string_append_printf(text, "%s:%lu:%lu:%ld:%ld.%09ld;", path, (gulong)st.st_dev,
                           (gulong)st.st_ino, (glong)st.st_size, (glong)st.st_mtim.tv_sec,
                           (glong)st.st_mtim.tv_nsec);
    return TRUE;
}

/* Takes one file of add_stat off the text, when it is this path. */
static gboolean skip_stat(const char **text, const char *path)
{
    int length = -1;

    if (path == NULL)
        return TRUE;
    if (!g_str_has_prefix(*text, path))
        return FALSE;
    *text += strlen(path);
    sscanf(*text, ":%*u:%*u:%*d:%*d.%*9d;%n", &length);
    *text += MAX(length, 0);
    return length > 0;
}

/* Whether what is known was read of the files that are named now. */
static gboolean is_of(const json_t *generated, const char *file, const char *rootfs)
{
    const char *text = json_member_string(generated, STAT_KEY);

    return text != NULL && skip_stat(&text, file) && skip_stat(&text, rootfs) && *text == '\0';
}

static gboolean not_there(const Object *image, const char *field, const char *path,
                          const char *advice, GError **error)
{
    g_autofree char *at = g_strconcat("source/", field, NULL);
    g_autofree char *where = object_where(image, at);

    return error_set(error, ERR_NOT_FOUND, "%s%ssource.%s: %s: %s", where != NULL ? where : "",
                     where != NULL ? ": " : "", field, path, advice);
}

static void set_time(json_t *generated, const char *key, const json_t *seconds)
{
    g_autofree char *text = NULL;

    if (seconds == NULL) {
        json_object_del(generated, key);
        return;
    }
    text = metadata_time(json_integer_value(seconds));
    json_object_set_new(generated, key, json_string(text));
}

/* `found`: {"fingerprint", "metadata": text, "type", "size"}. */
static gboolean store(const char *name, const json_t *found, const char *stat_text,
                      json_t *generated, GError **error)
{
    const char *text = json_member_string(found, "metadata");
    g_autoptr(json_t) metadata =
        metadata_parse(name, text, json_string_length(json_object_get(found, "metadata")), error);
    g_autofree char *size = NULL;

    if (metadata == NULL)
        return FALSE;
    size = g_strdup_printf("%" JSON_INTEGER_FORMAT,
                           json_integer_value(json_object_get(found, "size")));
    json_object_set(generated, "fingerprint", json_object_get(found, "fingerprint"));
    json_object_set(generated, "architecture", json_object_get(metadata, "architecture"));
    json_object_set(generated, "properties", json_object_get(metadata, "properties"));
    json_object_set_new(generated, "type", json_string("container"));
    json_object_set_new(generated, "size", json_string(size));
    json_object_set_new(generated, STAT_KEY, json_string(stat_text));
    set_time(generated, "created_at", json_object_get(metadata, "creation_date"));
    set_time(generated, "expires_at", json_object_get(metadata, "expiry_date"));
    return TRUE;
}

static json_t *inspect_files(const char *file, const char *rootfs, GError **error)
{
    g_autoptr(Digest) digest = digest_new();
    g_autoptr(json_t) found = NULL;
    g_autofree char *fingerprint = NULL;
    const char *type;
    guint64 size = 0;

    found = unpack_inspect(file, rootfs, error);
    if (found == NULL)
        return NULL;
    type = json_member_string(found, "type");
    if (g_strcmp0(type, "virtual-machine") == 0) {
        error_set(error, ERR_UNSUPPORTED,
                  "%s is the image of a virtual machine, which this build does not support", file);
        return NULL;
    }
    if (rootfs == NULL && g_strcmp0(type, "container") != 0) {
        error_set(
            error, ERR_INVALID,
            "%s has no rootfs/: it is the metadata of a split image? Then name the other file "
            "as `rootfs`",
            file);
        return NULL;
    }
    if (!digest_add_file(digest, file, -1, &size, error) ||
        (rootfs != NULL && !digest_add_file(digest, rootfs, -1, &size, error)))
        return NULL;
    fingerprint = digest_finish(digest);
    json_object_set_new(found, "fingerprint", json_string(fingerprint));
    json_object_set_new(found, "size", json_integer((json_int_t)size));
    return g_steal_pointer(&found);
}

gboolean image_source_inspect(const char *file, const char *rootfs, json_t *generated,
                              GError **error)
{
    g_autoptr(json_t) found = inspect_files(file, rootfs, error);

    return found != NULL && store("metadata.yaml", found, "", generated, error);
}

/* Berth's own copy is all there is of an image that was imported: named by its content, it never
 * changes. */
static gboolean is_own_copy(const Host *host, const char *file, const json_t *generated)
{
    const char *fingerprint = json_member_string(generated, "fingerprint");
    g_autofree char *own = fingerprint != NULL ? path_image_files(host->dir, fingerprint) : NULL;

    return own != NULL && g_strcmp0(own, file) == 0;
}

gboolean image_source_resolve(Host *host, const Object *image, json_t *generated, GError **error)
{
    const json_t *source = json_object_get(image->spec, "source");
    const char *builtin = json_member_string(source, "builtin");
    const char *file = json_member_string(source, "file");
    const char *rootfs = json_member_string(source, "rootfs");
    g_autoptr(GString) now = g_string_new(builtin);
    g_autoptr(json_t) found = NULL;
    gboolean known = json_object_get(generated, "fingerprint") != NULL;

    if (builtin == NULL && file == NULL)
        return error_set(error, ERR_INVALID, "source: names no origin");
    if (is_own_copy(host, file, generated))
        return TRUE;
    if (builtin != NULL ? !add_stat(now, BUILTIN_BUSYBOX)
                        : !add_stat(now, file) || !add_stat(now, rootfs)) {
        if (known && (builtin != NULL ? is_of(generated, BUILTIN_BUSYBOX, NULL)
                                      : is_of(generated, file, rootfs)))
            return TRUE;
        if (builtin != NULL)
            return not_there(image, "builtin", BUILTIN_BUSYBOX,
                             "install the package busybox-static", error);
        return file_exists(file) ? not_there(image, "rootfs", rootfs, "no such file", error)
                                 : not_there(image, "file", file, "no such file", error);
    }
    if (known && g_strcmp0(json_member_string(generated, STAT_KEY), now->str) == 0)
        return TRUE;
    found = builtin != NULL ? builtin_describe(builtin, error) : inspect_files(file, rootfs, error);
    if (found == NULL)
        return FALSE;
    {
        g_autofree char *name =
            g_strdup_printf("%s: metadata.yaml", builtin != NULL ? builtin : file);

        return store(name, found, now->str, generated, error);
    }
}
