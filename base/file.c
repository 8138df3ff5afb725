#include "file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "error.h"

/* Directories kept open while a tree is removed. A deeper one is first moved up, so that no tree
 * uses up our descriptors. */
#define REMOVE_MAX_DEPTH 100u

gboolean file_write_all(int fd, const char *bytes, gsize length)
{
    while (length > 0) {
        ssize_t n = write(fd, bytes, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FALSE;
        bytes += n;
        length -= (gsize)n;
    }
    return TRUE;
}

/* TRUE when `path` is a regular file with exactly this content and mode. */
static gboolean has_content(const char *path, const char *text, gsize length, guint mode)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    g_autofree char *present = NULL;
    struct stat st;
    gsize done = 0;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (gsize)st.st_size != length ||
        (st.st_mode & 07777) != mode)
        return FALSE;
    present = g_malloc(length + 1);
    while (done < length) {
        ssize_t n = read(fd, present + done, length - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        done += (gsize)n;
    }
    return memcmp(present, text, length) == 0;
}

static gboolean sync_directory(const char *path, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0)
        return error_errno(error, errno, "sync directory %s", path);
    return TRUE;
}

gboolean file_write(const char *path, const char *text, gssize length, guint mode,
                    gboolean *ret_changed, GError **error)
{
    gsize size = length < 0 ? strlen(text) : (gsize)length;
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *temporary = g_strdup_printf("%s/.%s.XXXXXX", folder, name);
    g_auto(Fd) fd = -1;

    if (has_content(path, text, size, mode)) {
        if (ret_changed != NULL)
            *ret_changed = FALSE;
        return TRUE;
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "create a temporary file for %s", path);
    if (!file_write_all(fd, text, size) || fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
        rename(temporary, path) < 0) {
        int saved = errno;

        unlink(temporary);
        return error_errno(error, saved, "write %s", path);
    }
    if (!sync_directory(folder, error))
        return FALSE;
    if (ret_changed != NULL)
        *ret_changed = TRUE;
    return TRUE;
}

gboolean file_read(const char *path, gsize limit, char **ret_text, gsize *ret_length,
                   GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    guint8 buffer[16384];

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_set(error, ERR_NOT_FOUND, "%s does not exist", path);
    if (fd < 0)
        return error_errno(error, errno, "open %s", path);
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof(buffer));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(error, errno, "read %s", path);
        if (n == 0)
            break;
        if ((gsize)n > limit - bytes->len)
            return error_set(error, ERR_INVALID, "%s is larger than %" G_GSIZE_FORMAT " bytes",
                             path, limit);
        g_byte_array_append(bytes, buffer, (guint)n);
    }
    if (ret_length != NULL)
        *ret_length = bytes->len;
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    *ret_text = (char *)g_byte_array_free(g_steal_pointer(&bytes), FALSE);
    return TRUE;
}

gboolean file_make_directory(const char *path, guint mode, GError **error)
{
    g_autofree char *parent = NULL;
    struct stat st;

    if (mkdir(path, mode) == 0) {
        /* mkdir(2) applies the umask; the mode asked for is the mode wanted. */
        if (chmod(path, mode) < 0)
            return error_errno(error, errno, "set the mode of %s", path);
        return TRUE;
    }
    if (errno == EEXIST) {
        if (stat(path, &st) < 0)
            return error_errno(error, errno, "look at %s", path);
        if (!S_ISDIR(st.st_mode))
            return error_set(error, ERR_EXISTS, "%s is there and is no directory", path);
        return TRUE;
    }
    if (errno != ENOENT)
        return error_errno(error, errno, "create directory %s", path);
    parent = g_path_get_dirname(path);
    if (strcmp(parent, path) == 0)
        return error_errno(error, ENOENT, "create directory %s", path);
    return file_make_directory(parent, 0755, error) && file_make_directory(path, mode, error);
}

/* Removing trees. One walk holds the file system and mount that it may not leave, and where too
 * deep directories are moved to. */

typedef struct {
    const char *path;
    int top;       /* the tree's own directory */
    guint64 mount; /* mount id; 0 when the kernel does not tell */
    dev_t device;
    guint depth;
    guint moved;    /* directories moved up so far: makes their names */
    gboolean again; /* something was moved up: walk once more */
} Removal;

static gboolean same_place(const Removal *removal, int fd)
{
    struct statx stx;

    if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MNT_ID, &stx) < 0)
        return FALSE;
    if (makedev(stx.stx_dev_major, stx.stx_dev_minor) != removal->device)
        return FALSE;
    return (stx.stx_mask & STATX_MNT_ID) == 0 || removal->mount == 0 ||
           stx.stx_mnt_id == removal->mount;
}

static gboolean remove_entries(Removal *removal, int directory, GError **error);

static gboolean remove_directory(Removal *removal, int parent, const char *name, GError **error)
{
    g_auto(Fd) fd = -1;

    if (removal->depth >= REMOVE_MAX_DEPTH) {
        char moved[32];

        do
            g_snprintf(moved, sizeof(moved), ".deep-%u", removal->moved++);
        while (renameat2(parent, name, removal->top, moved, RENAME_NOREPLACE) < 0 &&
               errno == EEXIST);
        if (faccessat(parent, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return error_set(error, ERR_FAILED, "remove %s: %s is too deep and cannot be moved",
                             removal->path, name);
        removal->again = TRUE;
        return TRUE;
    }
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ||
               error_errno(error, errno, "remove %s: open %s", removal->path, name);
    if (!same_place(removal, fd))
        return error_set(error, ERR_FAILED,
                         "remove %s: %s is a mount or a subvolume, which is not entered",
                         removal->path, name);
    removal->depth++;
    if (!remove_entries(removal, fd, error))
        return FALSE;
    removal->depth--;
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return error_errno(error, errno, "remove %s: directory %s", removal->path, name);
    return TRUE;
}

static gboolean remove_entries(Removal *removal, int directory, GError **error)
{
    int copy = fcntl(directory, F_DUPFD_CLOEXEC, 0);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    gboolean ok = TRUE;

    if (dir == NULL) {
        error_errno(error, errno, "remove %s", removal->path);
        if (copy >= 0)
            close(copy);
        return FALSE;
    }
    /* The copy shares its position with the original, which an earlier walk left at the end. */
    rewinddir(dir);
    while (ok) {
        struct dirent *entry;

        errno = 0;
        entry = readdir(dir);
        if (entry == NULL) {
            ok =
                errno == 0 || error_errno(error, errno, "remove %s: read directory", removal->path);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entry->d_type != DT_DIR && unlinkat(directory, entry->d_name, 0) == 0)
            continue;
        if (entry->d_type != DT_DIR && errno == ENOENT)
            continue;
        if (entry->d_type != DT_DIR && errno != EISDIR)
            ok = error_errno(error, errno, "remove %s: %s", removal->path, entry->d_name);
        else
            ok = remove_directory(removal, directory, entry->d_name, error);
    }
    closedir(dir);
    return ok;
}

gboolean file_remove_tree(const char *path, GError **error)
{
    g_auto(Fd) top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    Removal removal = {.path = path, .top = top};
    struct statx stx;

    if (top < 0 && errno == ENOENT)
        return TRUE;
    if (top < 0 && (errno == ENOTDIR || errno == ELOOP))
        return file_remove(path, error);
    if (top < 0 || statx(top, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MNT_ID, &stx) < 0)
        return error_errno(error, errno, "remove %s", path);
    removal.device = makedev(stx.stx_dev_major, stx.stx_dev_minor);
    removal.mount = (stx.stx_mask & STATX_MNT_ID) != 0 ? stx.stx_mnt_id : 0;
    do {
        removal.again = FALSE;
        if (!remove_entries(&removal, top, error))
            return FALSE;
    } while (removal.again);
    if (rmdir(path) < 0 && errno != ENOENT)
        return error_errno(error, errno, "remove directory %s", path);
    return TRUE;
}

gboolean file_remove(const char *path, GError **error)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return error_errno(error, errno, "remove %s", path);
    return TRUE;
}

gboolean file_rename(const char *from, const char *to, GError **error)
{
    int code;

    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return TRUE;
    code = errno;
    if (code == EINVAL && !file_exists(to)) {
        /* A file system without RENAME_NOREPLACE. */
        if (rename(from, to) == 0)
            return TRUE;
        code = errno;
    }
    if (code == ENOENT && file_exists(to) && !file_exists(from))
        return TRUE;
    if (code == EEXIST)
        return error_set(error, ERR_EXISTS, "rename %s to %s: the new name is taken", from, to);
    if (code == ENOENT)
        return error_set(error, ERR_NOT_FOUND, "rename %s to %s: there is no such file", from, to);
    return error_errno(error, code, "rename %s to %s", from, to);
}

gboolean file_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

int file_open_beneath(int root, const char *path, int flags, guint mode, GError **error)
{
    struct open_how how = {
        .flags = (guint64)(flags | O_CLOEXEC),
        .mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int fd;

    /* EAGAIN: a rename elsewhere made the kernel unsure; the call is to be repeated. */
    do
        fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    if (fd < 0) {
        int saved = errno;

        error_errno(error, saved, "open %s", path);
        errno = saved;
    }
    return fd;
}
