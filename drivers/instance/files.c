#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "paths.h"

/* Held while a folder is made and gets its first entry, and while empty ones are removed. */
static GMutex folders;

static gboolean make_parent(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);

    return file_make_directory(folder, 0700, error);
}

static gboolean write_locked(const char *path, const char *text, GError **error)
{
    g_autofree char *fresh = g_strconcat(path, ".new", NULL);
    g_auto(Fd) fd = -1;

    if (!make_parent(path, error))
        return FALSE;
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || !file_write_all(fd, text, strlen(text)))
        return error_errno(error, errno, "write %s", fresh);
    return rename(fresh, path) == 0 || error_errno(error, errno, "rename %s", fresh);
}

gboolean state_write(const char *path, const char *text, GError **error)
{
    gboolean written;

    g_mutex_lock(&folders);
    written = write_locked(path, text, error);
    g_mutex_unlock(&folders);
    return written;
}

int state_open(const char *path, GError **error)
{
    int fd = -1;

    g_mutex_lock(&folders);
    if (make_parent(path, error)) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            error_errno(error, errno, "open %s", path);
    }
    g_mutex_unlock(&folders);
    return fd;
}

gboolean state_make_folder(const char *path, guint mode, GError **error)
{
    gboolean made;

    g_mutex_lock(&folders);
    made = file_make_directory(path, mode, error);
    g_mutex_unlock(&folders);
    return made;
}

/* liblxc keeps a lock file for each container that it has ever seen, below /run. */
static gboolean forget_liblxc(const char *dir, const char *name, GError **error)
{
    g_autofree char *folder = g_strdup_printf("/run/lxc/lock/%s/containers", dir);
    g_autofree char *path = g_strdup_printf("%s/.%s", folder, name);
    gboolean gone = file_remove(path, error);

    while (gone && strlen(folder) > strlen("/run/lxc/lock/") && rmdir(folder) == 0)
        *strrchr(folder, '/') = '\0';
    return gone;
}

gboolean state_forget(const char *dir, const char *name, GError **error)
{
    static const char *const shared[] = {"logs", "security/seccomp", "security", "facts",
                                         "run",  "containers",       "devices"};
    g_autofree char *logs = path_logs(dir, name);
    g_autofree char *seccomp = g_build_filename(dir, "security", "seccomp", name, NULL);
    g_autofree char *fact = g_strdup_printf("%s/facts/instance.%s.json", dir, name);
    g_autofree char *last = g_strdup_printf("%s/run/%s.last", dir, name);
    g_autofree char *older = g_strconcat(last, ".1", NULL);
    g_autofree char *lock = g_strdup_printf("%s/run/%s.lock", dir, name);
    gboolean gone;

    g_mutex_lock(&folders);
    gone = file_remove_tree(logs, error) && file_remove(seccomp, error) &&
           file_remove(fact, error) && file_remove(last, error) && file_remove(older, error) &&
           file_remove(lock, error) && forget_liblxc(dir, name, error);
    for (guint i = 0; gone && i < G_N_ELEMENTS(shared); i++) {
        g_autofree char *folder = g_build_filename(dir, shared[i], NULL);

        rmdir(folder);
    }
    g_mutex_unlock(&folders);
    return gone;
}
