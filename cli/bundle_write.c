#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"
#include "error.h"
#include "file.h"
#include "image/digest.h"
#include "meter.h"

#define BLOCK (256u << 10)

typedef struct archive Archive;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Archive, archive_free)

static gboolean failed(Archive *archive, const char *name, GError **error)
{
    return error_set(error, ERR_FAILED, "write %s into the bundle: %s", name,
                     archive_error_string(archive));
}

static gboolean add_header(Archive *archive, const char *name, guint64 size, GError **error)
{
    struct archive_entry *entry = archive_entry_new();
    gboolean done;

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_size(entry, (la_int64_t)size);
    done = archive_write_header(archive, entry) == ARCHIVE_OK || failed(archive, name, error);
    archive_entry_free(entry);
    return done;
}

static gboolean add_bytes(Archive *archive, const char *name, const void *bytes, gsize length,
                          GError **error)
{
    return archive_write_data(archive, bytes, length) == (la_ssize_t)length ||
           failed(archive, name, error);
}

static gboolean add_text(Archive *archive, const char *name, const void *text, gsize length,
                         GError **error)
{
    return add_header(archive, name, length, error) &&
           add_bytes(archive, name, text, length, error);
}

/* The content is written as it is read, and has to be that of the manifest. */
static gboolean add_member(Archive *archive, const BundleMember *member, const json_t *listed,
                           GError **error)
{
    guint64 size = (guint64)json_integer_value(json_object_get(listed, "size"));
    g_auto(Fd) fd = open(member->path, O_RDONLY | O_CLOEXEC);
    g_autofree char *buffer = g_malloc(BLOCK);
    g_autoptr(Digest) digest = digest_new();
    g_autofree char *found = NULL;
    guint64 done = 0;
    ssize_t n;

    if (fd < 0)
        return error_errno(error, errno, "open %s", member->path);
    if (!add_header(archive, member->name, size, error))
        return FALSE;
    while ((n = read(fd, buffer, BLOCK)) > 0 && done + (guint64)n <= size) {
        digest_add(digest, buffer, (gsize)n);
        if (!add_bytes(archive, member->name, buffer, (gsize)n, error))
            return FALSE;
        done += (guint64)n;
        meter_tell(done, size);
    }
    if (n < 0)
        return error_errno(error, errno, "read %s", member->path);
    found = digest_finish(digest);
    return (n == 0 && done == size && strcmp(found, json_member_string(listed, "sha256")) == 0) ||
           error_set(error, ERR_CONFLICT, "%s changed while it was read: make the bundle again",
                     member->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const BundleMember *const *)a)->name, (*(const BundleMember *const *)b)->name);
}

static gboolean list_members(json_t *manifest, const GPtrArray *members, GError **error)
{
    json_t *listed = json_object();

    json_object_set_new(manifest, "members", listed);
    for (guint i = 0; i < members->len; i++) {
        const BundleMember *member = members->pdata[i];
        g_autoptr(Digest) digest = digest_new();
        g_autofree char *sum = NULL;
        guint64 size = 0;

        if (!bundle_name_is_safe(member->name))
            return error_set(error, ERR_INVALID, "%s: this name cannot be in a bundle",
                             member->path);
        if (!digest_add_file(digest, member->path, -1, &size, error))
            return FALSE;
        sum = digest_finish(digest);
        json_object_set_new(listed, member->name,
                            json_pack("{s:s, s:I}", "sha256", sum, "size", (json_int_t)size));
    }
    return TRUE;
}

static gboolean write_archive(int fd, const json_t *manifest, const GPtrArray *members,
                              const char *key, GError **error)
{
    g_autoptr(Archive) archive = archive_write_new();
    g_autofree char *text = json_text(manifest);
    gsize length = strlen(text);
    g_autoptr(GBytes) signature = key != NULL ? bundle_sign(key, text, length, error) : NULL;

    if (key != NULL && signature == NULL)
        return FALSE;
    if (archive_write_add_filter_zstd(archive) != ARCHIVE_OK ||
        archive_write_set_format_pax_restricted(archive) != ARCHIVE_OK ||
        /* Names are bytes, whatever the locale. */
        archive_write_set_format_option(archive, NULL, "hdrcharset", "BINARY") != ARCHIVE_OK ||
        archive_write_open_fd(archive, fd) != ARCHIVE_OK)
        return failed(archive, BUNDLE_MANIFEST, error);
    if (!add_text(archive, BUNDLE_MANIFEST, text, length, error) ||
        (signature != NULL &&
         !add_text(archive, BUNDLE_SIGNATURE, g_bytes_get_data(signature, NULL),
                   g_bytes_get_size(signature), error)))
        return FALSE;
    for (guint i = 0; i < members->len; i++) {
        const BundleMember *member = members->pdata[i];

        if (!add_member(archive, member,
                        json_object_get(json_object_get(manifest, "members"), member->name), error))
            return FALSE;
    }
    return archive_write_close(archive) == ARCHIVE_OK || failed(archive, "the end", error);
}

/* Whether the name still means the file: who had it before may have given it its own. */
static gboolean is_named(int fd, const char *path)
{
    struct stat file, named;

    return fstat(fd, &file) == 0 && lstat(path, &named) == 0 && file.st_dev == named.st_dev &&
           file.st_ino == named.st_ino;
}

/* PATH.part, empty and locked, so that nobody else writes it. -1 with an error. */
static int take_part(const char *part, GError **error)
{
    for (;;) {
        g_auto(Fd) fd = open(part, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
            error_errno(error, errno, "take %s", part);
            return -1;
        }
        /* Between the two another one may have finished: then this is PATH. */
        if (!is_named(fd, part))
            continue;
        if (ftruncate(fd, 0) < 0) {
            error_errno(error, errno, "take %s", part);
            return -1;
        }
        return fd_steal(&fd);
    }
}

/* Without a name until it is whole: who is killed leaves nothing behind. Where a file system has no
 * such files (a stick, say) it is PATH.part, which the next one for the same path replaces. */
static int open_new(const char *path, char **ret_part, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_auto(Fd) fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
        *ret_part = g_strconcat(path, ".part", NULL);
        return take_part(*ret_part, error);
    }
    if (fd < 0)
        error_errno(error, errno, "create a file in %s", folder);
    return fd_steal(&fd);
}

/* A name that is taken cannot be given: another one first, which takes its place. */
static gboolean give_name(int fd, const char *part, const char *path)
{
    g_autofree char *from = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *beside = g_strdup_printf("%s.%08x", path, g_random_int());
    int failure;

    if (part != NULL)
        return rename(part, path) == 0;
    if (linkat(AT_FDCWD, from, AT_FDCWD, beside, AT_SYMLINK_FOLLOW) < 0)
        return FALSE;
    if (rename(beside, path) == 0)
        return TRUE;
    failure = errno;
    unlink(beside);
    errno = failure;
    return FALSE;
}

gboolean bundle_write(const char *path, json_t *manifest, GPtrArray *members, const char *key,
                      GError **error)
{
    g_autoptr(json_t) checked = NULL;
    g_autofree char *text = NULL;
    g_autofree char *part = NULL;
    g_auto(Fd) fd = -1;

    g_ptr_array_sort(members, by_name);
    if (!list_members(manifest, members, error))
        return FALSE;
    /* What no reader would take is not written. */
    text = json_text(manifest);
    checked = bundle_manifest_parse(text, strlen(text), error);
    if (checked == NULL)
        return FALSE;
    fd = open_new(path, &part, error);
    if (fd < 0)
        return FALSE;
    if (write_archive(fd, manifest, members, key, error) &&
        ((fsync(fd) == 0 && give_name(fd, part, path)) ||
         error_errno(error, errno, "write %s", path)))
        return TRUE;
    if (part != NULL)
        unlink(part);
    return FALSE;
}
