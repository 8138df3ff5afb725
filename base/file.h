/* Files that must be there after a crash, and paths that must not lead out of where they start. */
#pragma once

#include <errno.h>
#include <glib.h>
#include <unistd.h>

/* A file descriptor that closes itself: `g_auto(Fd) fd = open(...)`. -1 is none; errno is kept. */
typedef int Fd;

static inline void fd_close(int fd)
{
    int saved = errno;

    close(fd);
    errno = saved;
}
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(Fd, fd_close, -1)

/* Hands the descriptor over to the caller. */
static inline int fd_steal(Fd *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

/* Writes a file by way of a temporary one beside it, fsync, rename, fsync of the directory.
 * Unchanged content is not written (LAW-2). `ret_changed` may be NULL. */
gboolean file_write(const char *path, const char *text, gssize length, guint mode,
                    gboolean *ret_changed, GError **error);

/* Writes all of it where a descriptor is, whatever interrupts it. FALSE with errno. */
gboolean file_write_all(int fd, const char *bytes, gsize length);

/* Reads a whole file, at most `limit` bytes. FALSE with an error when it is larger or cannot be
 * read. A file that is not there is reported with ERR_NOT_FOUND. */
gboolean file_read(const char *path, gsize limit, char **ret_text, gsize *ret_length,
                   GError **error);

/* Like mkdir -p with a mode for the last part. */
gboolean file_make_directory(const char *path, guint mode, GError **error);

/* Deletes a tree without following links or leaving its mount. Subvolumes are not entered. Gone
 * already is success. */
gboolean file_remove_tree(const char *path, GError **error);

/* Removes a file; gone already is success. */
gboolean file_remove(const char *path, GError **error);

/* rename(2) without replacing the target; success when `from` is gone and `to` is there. */
gboolean file_rename(const char *from, const char *to, GError **error);

gboolean file_exists(const char *path); /* lstat */

/* Opens `path` below the directory `root` with openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS); fd
 * or -1. */
int file_open_beneath(int root, const char *path, int flags, guint mode, GError **error);
