#include "logs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "files.h"
#include "paths.h"
#include "text.h"

static gboolean is_protected(const char *file)
{
    return g_str_equal(file, "lxc.log") || g_str_equal(file, "lxc.conf");
}

/* exec_ID.stdout, exec_ID.stderr */
static gboolean is_output(const char *file)
{
    const char *at = file + strlen("exec_");

    if (!g_str_has_prefix(file, "exec_"))
        return FALSE;
    at += strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    return at > file + strlen("exec_") &&
           (g_str_equal(at, ".stdout") || g_str_equal(at, ".stderr"));
}

static gboolean is_log(const char *file)
{
    static const char *const names[] = {"lxc.log",     "lxc.log.old",     "lxc.conf",
                                        "console.log", "console.log.old", NULL};

    return g_strv_contains(names, file) || is_output(file);
}

static gboolean check_name(const char *file, GError **error)
{
    return is_log(file) ||
           error_set(error, ERR_INVALID,
                     "\"%s\" is no log: lxc.log, lxc.conf, console.log, exec_ID.stdout and "
                     "exec_ID.stderr are",
                     file);
}

static char *folder_of(Host *host, const Object *object)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);

    return path_logs(host->dir, name);
}

GStrv logs_list(Host *host, const Object *object, GError **error)
{
    g_autofree char *path = folder_of(host, object);
    g_autoptr(GError) failure = NULL;
    g_autoptr(GDir) folder = g_dir_open(path, 0, &failure);
    GPtrArray *names;
    const char *name;

    if (folder == NULL && !g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        error_set(error, ERR_FAILED, "%s", failure->message);
        return NULL;
    }
    names = g_ptr_array_new();
    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        if (is_log(name))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, text_compare);
    g_ptr_array_add(names, NULL);
    return (GStrv)g_ptr_array_free(names, FALSE);
}

/* By errno. */
static gboolean refuse(const char *file, const char *what, const char *path, GError **error)
{
    return errno == ENOENT ? error_set(error, ERR_NOT_FOUND, "there is no log %s", file)
                           : error_errno(error, errno, "%s %s", what, path);
}

int logs_open(Host *host, const Object *object, const char *file, GError **error)
{
    g_autofree char *folder = folder_of(host, object);
    g_autofree char *path = NULL;
    int fd;

    if (!check_name(file, error))
        return -1;
    path = g_build_filename(folder, file, NULL);
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        refuse(file, "open", path, error);
    return fd;
}

/* The path of a log that is not its instance's as long as that is there; NULL with ERR_INVALID. */
static char *deletable(Host *host, const Object *object, const char *file, GError **error)
{
    g_autofree char *folder = folder_of(host, object);

    if (!check_name(file, error))
        return NULL;
    if (!is_protected(file))
        return g_build_filename(folder, file, NULL);
    error_set(error, ERR_INVALID, "%s stays as long as its instance", file);
    return NULL;
}

gboolean logs_may_delete(Host *host, const Object *object, const char *file, GError **error)
{
    g_autofree char *path = deletable(host, object, file, error);
    struct stat info;

    /* A link is deleted, not what it means. */
    return path != NULL && (lstat(path, &info) == 0 || refuse(file, "look at", path, error));
}

gboolean logs_delete(Host *host, const Object *object, const char *file, GError **error)
{
    g_autofree char *path = deletable(host, object, file, error);

    return path != NULL && (unlink(path) == 0 || refuse(file, "delete", path, error));
}

int logs_create_output(Host *host, const Object *object, const char *id, const char *stream,
                       GError **error)
{
    g_autofree char *folder = folder_of(host, object);
    g_autofree char *file = g_strdup_printf("exec_%s.%s", id, stream);
    g_autofree char *path = NULL;
    int fd;

    if (!is_output(file)) {
        error_set(error, ERR_INVALID, "\"%s\" is no name for the output of a command", file);
        return -1;
    }
    if (!state_make_folder(folder, 0700, error))
        return -1;
    path = g_build_filename(folder, file, NULL);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        error_errno(error, errno, "create %s", path);
    return fd;
}

static gboolean expire_folder(const char *path, gint64 oldest, GError **error)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        struct stat info;

        if (is_output(name) && lstat(file, &info) == 0 && info.st_mtim.tv_sec < oldest &&
            !file_remove(file, error))
            return FALSE;
    }
    return TRUE;
}

gboolean logs_expire(const char *dir, gint64 now, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "logs", NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *of_instance = g_build_filename(path, name, NULL);

        if (!expire_folder(of_instance, now - LOGS_KEPT_SECONDS, error))
            return FALSE;
    }
    return TRUE;
}
