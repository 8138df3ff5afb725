#include "storage/copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "error.h"
#include "file.h"
#include "meter.h"

#define LIST_MAX 65536u
#define VALUE_MAX 65536u

typedef struct {
    const char *to;    /* for messages */
    int root;          /* the target's top: hard links are made relative to it */
    GHashTable *links; /* inode -> path below root, of files with several names */
    GString *path;     /* of the entry at hand, below root */
    guint depth;
    guint64 bytes;       /* of files copied so far */
    gboolean no_reflink; /* the file system refused once */
    gboolean no_ranges;  /* copy_file_range does not work between the two */
    char *list, *value;  /* buffers for xattrs */
} Copy;

static gboolean copy_failed(const Copy *copy, const char *what, GError **error)
{
    return error_errno(error, errno, "copy to %s: %s %s", copy->to, what, copy->path->str);
}

/* A path by which a symbolic link's own xattrs can be reached. */
static char *proc_path(int folder, const char *name)
{
    return g_strdup_printf("/proc/self/fd/%d/%s", folder, name);
}

typedef struct {
    int from, to;                    /* open files or directories, or -1: */
    const char *from_path, *to_path; /* then these, not followed */
} Pair;

static ssize_t pair_list(const Pair *pair, char *list)
{
    return pair->from >= 0 ? flistxattr(pair->from, list, LIST_MAX)
                           : llistxattr(pair->from_path, list, LIST_MAX);
}

static ssize_t pair_get(const Pair *pair, const char *name, char *value)
{
    return pair->from >= 0 ? fgetxattr(pair->from, name, value, VALUE_MAX)
                           : lgetxattr(pair->from_path, name, value, VALUE_MAX);
}

static int pair_set(const Pair *pair, const char *name, const char *value, gsize size)
{
    return pair->to >= 0 ? fsetxattr(pair->to, name, value, size, 0)
                         : lsetxattr(pair->to_path, name, value, size, 0);
}

static gboolean copy_xattrs(Copy *copy, const Pair *pair, GError **error)
{
    ssize_t length = pair_list(pair, copy->list);

    if (length < 0)
        return errno == ENOTSUP || copy_failed(copy, "xattrs of", error);
    for (const char *name = copy->list; name < copy->list + length; name += strlen(name) + 1) {
        ssize_t size = pair_get(pair, name, copy->value);

        if (size < 0 && errno == ENODATA)
            continue;
        if (size < 0 || pair_set(pair, name, copy->value, (gsize)size) < 0)
            return copy_failed(copy, name, error);
    }
    return TRUE;
}

/* Owner, mode, xattrs and times of an open file or directory, in the order in which one does not
 * undo another. */
static gboolean copy_attributes(Copy *copy, int from, int to, const struct stat *st, GError **error)
{
    const Pair pair = {.from = from, .to = to};
    const struct timespec times[2] = {st->st_atim, st->st_mtim};

    if (((st->st_uid != 0 || st->st_gid != 0) && fchown(to, st->st_uid, st->st_gid) < 0) ||
        fchmod(to, st->st_mode & 07777) < 0)
        return copy_failed(copy, "owner and mode of", error);
    if (!copy_xattrs(copy, &pair, error))
        return FALSE;
    if (futimens(to, times) < 0)
        return copy_failed(copy, "times of", error);
    return TRUE;
}

static void copied(Copy *copy, ssize_t bytes)
{
    copy->bytes += (guint64)bytes;
    meter_tell(copy->bytes, 0);
}

/* A piece at a time, so that it can be told how far it is. */
#define PIECE (8u << 20)

static gboolean copy_bytes(Copy *copy, int from, int to, off_t start, off_t end)
{
    char buffer[65536];

    while (start < end && !copy->no_ranges) {
        off_t in = start, out = start;
        ssize_t n = copy_file_range(from, &in, to, &out, MIN((gsize)(end - start), PIECE), 0);

        if (n > 0) {
            start += n;
            copied(copy, n);
        } else if (n == 0)
            return TRUE; /* shorter than it was */
        else if (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)
            copy->no_ranges = TRUE;
        else if (errno != EINTR)
            return FALSE;
    }
    while (start < end) {
        ssize_t n = pread(from, buffer, MIN(sizeof(buffer), (gsize)(end - start)), start);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        for (ssize_t done = 0; done < n;) {
            ssize_t m = pwrite(to, buffer + done, (gsize)(n - done), start + done);

            if (m < 0 && errno != EINTR)
                return FALSE;
            done += MAX(m, 0);
        }
        start += n;
        copied(copy, n);
    }
    return TRUE;
}

static gboolean copy_data(Copy *copy, int from, int to, const struct stat *st)
{
    off_t at = 0;

    if (st->st_size == 0)
        return TRUE;
    if (!copy->no_reflink) {
        if (ioctl(to, FICLONE, from) == 0)
            return TRUE;
        copy->no_reflink = TRUE;
    }
    if (st->st_blocks * 512 >= st->st_size)
        return copy_bytes(copy, from, to, 0, st->st_size);
    while (at < st->st_size) {
        off_t data = lseek(from, at, SEEK_DATA);
        off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);

        if (data < 0 && errno == ENXIO)
            break; /* a hole up to the end */
        if (data < 0 || hole < 0 || !copy_bytes(copy, from, to, data, MIN(hole, st->st_size)))
            return FALSE;
        at = hole;
    }
    return ftruncate(to, st->st_size) == 0;
}

static gboolean copy_file(Copy *copy, int from_dir, int to_dir, const char *name,
                          const struct stat *st, GError **error)
{
    g_auto(Fd) from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);
    g_auto(Fd) to = -1;

    if (from < 0)
        return copy_failed(copy, "open", error);
    to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return copy_failed(copy, "create", error);
    if (!copy_data(copy, from, to, st))
        return copy_failed(copy, "write", error);
    return copy_attributes(copy, from, to, st, error);
}

/* Links, devices, FIFOs and sockets: nothing to open. */
static gboolean copy_special(Copy *copy, int from_dir, int to_dir, const char *name,
                             const struct stat *st, GError **error)
{
    g_autofree char *from_path = proc_path(from_dir, name);
    g_autofree char *to_path = proc_path(to_dir, name);
    const Pair pair = {-1, -1, from_path, to_path};
    const struct timespec times[2] = {st->st_atim, st->st_mtim};

    if (S_ISLNK(st->st_mode)) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

        if (n < 0)
            return copy_failed(copy, "read link", error);
        target[n] = '\0';
        if (symlinkat(target, to_dir, name) < 0)
            return copy_failed(copy, "create link", error);
    } else if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0) {
        return copy_failed(copy, "create node", error);
    }
    if ((st->st_uid != 0 || st->st_gid != 0) &&
        fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return copy_failed(copy, "owner of", error);
    if (!S_ISLNK(st->st_mode) && fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0)
        return copy_failed(copy, "mode of", error);
    if (!copy_xattrs(copy, &pair, error))
        return FALSE;
    if (utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return copy_failed(copy, "times of", error);
    return TRUE;
}

static gboolean copy_directory(Copy *copy, int from, int to, const char *except, GError **error);

static gboolean copy_subdirectory(Copy *copy, int from_dir, int to_dir, const char *name,
                                  const struct stat *st, GError **error)
{
    g_auto(Fd) from =
        openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);
    g_auto(Fd) to = -1;

    if (copy->depth >= TREE_MAX_DEPTH)
        return error_set(error, ERR_FAILED, "copy to %s: %s is nested more than %u deep", copy->to,
                         copy->path->str, TREE_MAX_DEPTH);
    if (from < 0)
        return copy_failed(copy, "open", error);
    if (mkdirat(to_dir, name, 0700) < 0)
        return copy_failed(copy, "create", error);
    to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to < 0)
        return copy_failed(copy, "open the new", error);
    copy->depth++;
    if (!copy_directory(copy, from, to, NULL, error))
        return FALSE;
    copy->depth--;
    return copy_attributes(copy, from, to, st, error);
}

/* Makes another name of a file that was copied already; FALSE in `ret_done` when this is its first.
 */
static gboolean copy_hard_link(Copy *copy, int to_dir, const char *name, const struct stat *st,
                               gboolean *ret_done, GError **error)
{
    gint64 inode = (gint64)st->st_ino;
    const char *first = g_hash_table_lookup(copy->links, &inode);

    *ret_done = first != NULL;
    if (first == NULL) {
        g_hash_table_insert(copy->links, g_memdup2(&inode, sizeof(inode)),
                            g_strdup(copy->path->str));
        return TRUE;
    }
    if (linkat(copy->root, first, to_dir, name, 0) < 0)
        return copy_failed(copy, "create hard link", error);
    return TRUE;
}

static gboolean copy_entry(Copy *copy, int from_dir, int to_dir, const char *name, GError **error)
{
    struct stat st;
    gboolean linked = FALSE;

    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return copy_failed(copy, "look at", error);
    if (S_ISDIR(st.st_mode))
        return copy_subdirectory(copy, from_dir, to_dir, name, &st, error);
    if (st.st_nlink > 1 && !copy_hard_link(copy, to_dir, name, &st, &linked, error))
        return FALSE;
    if (linked)
        return TRUE;
    if (S_ISREG(st.st_mode))
        return copy_file(copy, from_dir, to_dir, name, &st, error);
    return copy_special(copy, from_dir, to_dir, name, &st, error);
}

static gboolean copy_directory(Copy *copy, int from, int to, const char *except, GError **error)
{
    int duplicate = fcntl(from, F_DUPFD_CLOEXEC, 0);
    DIR *dir = duplicate < 0 ? NULL : fdopendir(duplicate);
    gsize length = copy->path->len;
    gboolean ok = TRUE;

    if (dir == NULL) {
        copy_failed(copy, "read", error);
        if (duplicate >= 0)
            close(duplicate);
        return FALSE;
    }
    while (ok) {
        struct dirent *entry;

        errno = 0;
        entry = readdir(dir);
        if (entry == NULL) {
            ok = errno == 0 || copy_failed(copy, "read", error);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            (except != NULL && strcmp(entry->d_name, except) == 0))
            continue;
        if (length > 0)
            g_string_append_c(copy->path, '/');
        g_string_append(copy->path, entry->d_name);
        ok = copy_entry(copy, from, to, entry->d_name, error);
        g_string_truncate(copy->path, length);
    }
    closedir(dir);
    return ok;
}

guint64 tree_bytes(const char *path)
{
    char *const paths[] = {(char *)path, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    guint64 bytes = 0;
    FTSENT *entry;

    if (tree == NULL)
        return 0;
    while ((entry = fts_read(tree)) != NULL) {
        /* A file with several names is there once. */
        if (entry->fts_info == FTS_F || entry->fts_info == FTS_D)
            bytes += (guint64)entry->fts_statp->st_blocks * 512 /
                     (entry->fts_info == FTS_F ? MAX(entry->fts_statp->st_nlink, 1) : 1);
    }
    fts_close(tree);
    return bytes;
}

gboolean tree_copy(const char *from, const char *to, const char *except, GError **error)
{
    g_auto(Fd) source = open(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    g_auto(Fd) target = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    g_autoptr(GHashTable) links =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    g_autoptr(GString) path = g_string_new(NULL);
    g_autofree char *list = g_malloc(LIST_MAX);
    g_autofree char *value = g_malloc(VALUE_MAX);
    Copy copy = {
        .to = to, .root = target, .links = links, .path = path, .list = list, .value = value};

    if (source < 0 || target < 0)
        return error_errno(error, errno, "open %s", source < 0 ? from : to);
    return copy_directory(&copy, source, target, except, error);
}
