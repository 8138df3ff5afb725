#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

/* -1: it is not there, not ours, or held by somebody. */
static int take(const char *path, int how)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat held, there;

    if (fd < 0 || fstat(fd, &held) < 0 || held.st_uid != geteuid())
        return -1;
    while (flock(fd, how) < 0)
        if (errno != EINTR)
            return -1;
    /* Who held it may have removed it. */
    if (lstat(path, &there) < 0 || there.st_ino != held.st_ino || there.st_dev != held.st_dev)
        return -1;
    return fd_steal(&fd);
}

void stage_sweep(const char *path)
{
    g_auto(Fd) fd = take(path, LOCK_EX | LOCK_NB);

    if (fd >= 0)
        file_remove_tree(path, NULL);
}

static void sweep_all(const char *prefix)
{
    g_autoptr(GDir) dir = g_dir_open(g_get_tmp_dir(), 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(g_get_tmp_dir(), name, NULL);

        if (g_str_has_prefix(name, prefix))
            stage_sweep(path);
    }
}

char *stage_make(const char *prefix, Fd *ret_lock, GError **error)
{
    g_autofree char *start = g_strconcat(prefix, "-", NULL);
    g_autofree char *template = g_strconcat(start, "XXXXXX", NULL);

    sweep_all(start);
    for (;;) {
        g_autofree char *path = g_dir_make_tmp(template, error);

        if (path == NULL)
            return NULL;
        /* Another one's sweep may have come between. */
        *ret_lock = take(path, LOCK_EX);
        if (*ret_lock >= 0)
            return g_steal_pointer(&path);
        if (file_exists(path)) {
            error_errno(error, errno, "lock %s", path);
            return NULL;
        }
    }
}
