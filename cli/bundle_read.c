/* Reading a bundle, which anybody may have made. It is parsed in the unpacker's sandbox. Nothing is
 * written but regular files below a directory of ours, under names that were checked, of sizes that
 * were told beforehand. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bundle.h"
#include "error.h"
#include "file.h"
#include "image/digest.h"
#include "image/tar_stream.h"
#include "meter.h"

#define BLOCK (256u << 10)
#define SIGNATURE_MAX 1024u
#define SHOWN_MAX 20u
#define ROOTFS ".rootfs"

typedef struct {
    TarStream *stream;
    const char *key;
    Bundle *bundle;
    int target;        /* directory; -1: nothing is unpacked */
    GHashTable *seen;  /* names of members that came */
    GPtrArray *wrong;  /* what differs from the manifest, as text */
    char *last;        /* the member before: they come in order of their names */
    Digest *image;     /* over the files of the image that is being read */
    char *fingerprint; /* that it is said to have */
} Reading;

static void reading_clear(Reading *reading)
{
    g_clear_pointer(&reading->stream, tar_stream_free);
    g_clear_pointer(&reading->seen, g_hash_table_unref);
    g_clear_pointer(&reading->wrong, g_ptr_array_unref);
    g_clear_pointer(&reading->image, digest_free);
    g_free(reading->last);
    g_free(reading->fingerprint);
    if (reading->target >= 0)
        close(reading->target);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reading, reading_clear)

/* The next member: a regular file of a name that is allowed. NULL in `ret` at the end. */
static gboolean next(Reading *reading, const TarMember **ret, GError **error)
{
    const TarMember *member;

    if (!tar_stream_next(reading->stream, ret, error))
        return FALSE;
    member = *ret;
    if (member == NULL)
        return TRUE;
    if (!member->regular)
        return error_set(error, ERR_INVALID, "\"%s\" is no regular file", member->shown);
    return (member->name != NULL &&
            (strcmp(member->name, BUNDLE_MANIFEST) == 0 ||
             strcmp(member->name, BUNDLE_SIGNATURE) == 0 || bundle_name_is_safe(member->name))) ||
           error_set(error, ERR_INVALID, "\"%s\" is no name of a member", member->shown);
}

/* A small member as a whole. */
static gboolean read_text(Reading *reading, const TarMember *member, gsize limit, char **ret,
                          gsize *ret_length, GError **error)
{
    g_autofree char *text = NULL;

    if (member->size > limit)
        return error_set(error, ERR_INVALID, "%s is larger than %" G_GSIZE_FORMAT " bytes",
                         member->name, limit);
    text = g_malloc(member->size + 1);
    if (!tar_stream_read(reading->stream, text, member->size, error))
        return FALSE;
    text[member->size] = '\0';
    *ret_length = member->size;
    *ret = g_steal_pointer(&text);
    return TRUE;
}

/* Manifest and signature; `ret` is what comes after them. */
static gboolean read_head(Reading *reading, const TarMember **ret, GError **error)
{
    g_autofree char *text = NULL;
    g_autofree char *signature = NULL;
    gsize length, size = 0;

    if (!next(reading, ret, error))
        return FALSE;
    if (*ret == NULL || strcmp((*ret)->name, BUNDLE_MANIFEST) != 0)
        return error_set(error, ERR_INVALID,
                         "this is no bundle: it does not begin with " BUNDLE_MANIFEST);
    if (!read_text(reading, *ret, BUNDLE_MAX_TEXT, &text, &length, error) ||
        !next(reading, ret, error))
        return FALSE;
    if (*ret != NULL && strcmp((*ret)->name, BUNDLE_SIGNATURE) == 0) {
        if (!read_text(reading, *ret, SIGNATURE_MAX, &signature, &size, error) ||
            !next(reading, ret, error))
            return FALSE;
        reading->bundle->is_signed = TRUE;
    }
    if (reading->key != NULL && signature == NULL)
        return error_set(error, ERR_INVALID, "it is not signed");
    if (reading->key != NULL && !bundle_check(reading->key, text, length, signature, size, error))
        return FALSE;
    reading->bundle->is_checked = reading->key != NULL;
    reading->bundle->manifest = bundle_manifest_parse(text, length, error);
    return reading->bundle->manifest != NULL;
}

static void differs(Reading *reading, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void differs(Reading *reading, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(reading->wrong, g_strdup_vprintf(format, args));
    va_end(args);
}

/* The fingerprint of an image is that of its files one after the other. */
static void end_image(Reading *reading)
{
    g_autofree char *found = NULL;

    if (reading->image == NULL)
        return;
    found = digest_finish(reading->image);
    if (strcmp(found, reading->fingerprint) != 0)
        differs(reading, "images/%s: its fingerprint is %s", reading->fingerprint, found);
    g_clear_pointer(&reading->image, digest_free);
    g_clear_pointer(&reading->fingerprint, g_free);
}

static void begin_image(Reading *reading, const char *name)
{
    const char *base = strchr(name, '/') + 1;

    if (!g_str_has_prefix(name, "images/")) {
        end_image(reading);
    } else if (reading->image == NULL || !g_str_has_prefix(base, reading->fingerprint) ||
               strcmp(base + strlen(reading->fingerprint), ROOTFS) != 0) {
        end_image(reading);
        reading->image = digest_new();
        reading->fingerprint = g_strdup(base);
    }
}

static int create(Reading *reading, const char *name, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    g_autoptr(GString) folder = g_string_new(NULL);

    for (guint i = 0; parts[i + 1] != NULL; i++) {
        g_string_append_printf(folder, "%s%s", i > 0 ? "/" : "", parts[i]);
        if (mkdirat(reading->target, folder->str, 0700) < 0 && errno != EEXIST) {
            error_errno(error, errno, "create %s", folder->str);
            return -1;
        }
    }
    return file_open_beneath(reading->target, name,
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600, error);
}

/* Content of a member, whose size is that of the manifest. */
static gboolean read_content(Reading *reading, const char *name, const json_t *listed,
                             GError **error)
{
    guint64 size = (guint64)json_integer_value(json_object_get(listed, "size"));
    g_autofree char *buffer = g_malloc(BLOCK);
    g_autoptr(Digest) digest = digest_new();
    g_autofree char *found = NULL;
    g_auto(Fd) fd = reading->target >= 0 ? create(reading, name, error) : -1;
    guint64 done = 0;

    if (reading->target >= 0 && fd < 0)
        return FALSE;
    begin_image(reading, name);
    while (done < size) {
        gsize n = (gsize)MIN(BLOCK, size - done);

        if (!tar_stream_read(reading->stream, buffer, n, error))
            return FALSE;
        digest_add(digest, buffer, n);
        if (reading->image != NULL)
            digest_add(reading->image, buffer, n);
        if (fd >= 0 && !file_write_all(fd, buffer, n))
            return error_errno(error, errno, "write %s", name);
        done += n;
        meter_tell(done, size);
    }
    found = digest_finish(digest);
    if (strcmp(found, json_member_string(listed, "sha256")) != 0)
        differs(reading, "%s: its content is not that of the manifest", name);
    return TRUE;
}

static gboolean read_member(Reading *reading, const TarMember *member, GError **error)
{
    const char *name = member->name;
    const json_t *listed =
        json_object_get(json_object_get(reading->bundle->manifest, "members"), name);

    /* Extra members may be anything: what they hold is not looked at. */
    if (listed == NULL)
        return error_set(error, ERR_INVALID, "%s is in it, but not in " BUNDLE_MANIFEST, name);
    if (reading->last != NULL && strcmp(name, reading->last) <= 0)
        return error_set(error, ERR_INVALID, "%s is there twice, or not in order", name);
    g_free(reading->last);
    reading->last = g_strdup(name);
    g_hash_table_add(reading->seen, g_strdup(name));
    if (member->size != (guint64)json_integer_value(json_object_get(listed, "size"))) {
        if (reading->target >= 0)
            return error_set(error, ERR_INVALID, "%s: its size is not that of the manifest", name);
        differs(reading, "%s: its size is not that of the manifest", name);
        return TRUE;
    }
    return read_content(reading, name, listed, error);
}

/* TRUE when nothing differs. */
static gboolean tell(Reading *reading, GError **error)
{
    const json_t *members = json_object_get(reading->bundle->manifest, "members");
    g_autoptr(GPtrArray) names = json_sorted_keys(members);
    g_autoptr(GString) text = g_string_new("it is not as its manifest says:");

    end_image(reading);
    for (guint i = 0; i < names->len; i++)
        if (!g_hash_table_contains(reading->seen, names->pdata[i]))
            differs(reading, "%s: is missing", (const char *)names->pdata[i]);
    if (reading->wrong->len == 0)
        return TRUE;
    for (guint i = 0; i < MIN(reading->wrong->len, SHOWN_MAX); i++)
        g_string_append_printf(text, "\n  %s", (const char *)reading->wrong->pdata[i]);
    if (reading->wrong->len > SHOWN_MAX)
        g_string_append_printf(text, "\n  and %u more", reading->wrong->len - SHOWN_MAX);
    return error_set(error, ERR_INVALID, "%s", text->str);
}

static gboolean has_room(const Reading *reading, GError **error)
{
    guint64 wanted = 0;
    const char *name;
    json_t *member;
    struct statvfs st;

    json_object_foreach (json_object_get(reading->bundle->manifest, "members"), name, member)
        wanted += (guint64)json_integer_value(json_object_get(member, "size"));
    if (fstatvfs(reading->target, &st) < 0)
        return error_errno(error, errno, "look for room");
    return wanted <= (guint64)st.f_bavail * st.f_frsize ||
           error_set(error, ERR_INVALID,
                     "it unpacks to %" G_GUINT64_FORMAT " bytes, for which there is no room",
                     wanted);
}

static gboolean read_all(Reading *reading, int fd, GError **error)
{
    const TarMember *member;

    reading->stream = tar_stream_open(fd, error);
    if (reading->stream == NULL || !read_head(reading, &member, error) ||
        (reading->target >= 0 && !has_room(reading, error)))
        return FALSE;
    while (member != NULL)
        if (!read_member(reading, member, error) || !next(reading, &member, error))
            return FALSE;
    return tell(reading, error);
}

gboolean bundle_read(const char *path, const char *key, const char *target, Bundle *ret,
                     GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    g_auto(Reading) reading = {.target = -1, .key = key, .bundle = ret};
    struct stat st;

    if (fd < 0)
        return error_errno(error, errno, "open %s", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return error_set(error, ERR_INVALID, "%s: this is no file", path);
    if (target != NULL) {
        reading.target = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (reading.target < 0)
            return error_errno(error, errno, "open %s", target);
    }
    reading.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    reading.wrong = g_ptr_array_new_with_free_func(g_free);
    if (read_all(&reading, fd, error))
        return TRUE;
    g_prefix_error(error, "%s: ", path);
    return FALSE;
}
