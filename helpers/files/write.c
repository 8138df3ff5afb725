/* Changes: put, mkdir, symlink, delete. Owner and mode are given to what is new only (API-082). */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "files/request.h"

#define FILE_MODE 0644
#define DIRECTORY_MODE 0750
#define TRIES 40 /* links after links, and names that come and go */

static guint32 id_of(const Request *request, const char *key)
{
    return (guint32)json_integer_value(json_object_get(request->body, key));
}

static mode_t mode_of(const Request *request, mode_t usual)
{
    const json_t *mode = json_object_get(request->body, "mode");

    return mode != NULL ? (mode_t)json_integer_value(mode) & 07777 : usual;
}

static void answer_created(gboolean created)
{
    request_answer(json_pack("{sb}", "created", created), -1);
}

/* ---- put ---- */

/* What is there must be a file; where the last part is a link, what it leads to. 0: nothing is
 * there. -1 with an error. */
static int open_present(const Request *request, const char *path, gboolean append, Fd *ret_fd,
                        GError **error)
{
    g_auto(Fd) found = request_open(request, path, O_PATH, 0);
    struct stat info;

    if (found < 0 && errno == ENOENT)
        return 0;
    if (found < 0 || fstat(found, &info) < 0) {
        request_fail(request, errno, "look it up", error);
        return -1;
    }
    if (!S_ISREG(info.st_mode)) {
        error_set(error, ERR_INVALID, "%s is %s, not a file", request->path,
                  S_ISDIR(info.st_mode) ? "a directory" : "a FIFO, socket or device");
        return -1;
    }
    *ret_fd = request_reopen(request, found, O_WRONLY | (append ? O_APPEND : O_TRUNC));
    if (*ret_fd < 0) {
        request_fail(request, errno, "open it", error);
        return -1;
    }
    return 1;
}

/* 1: made; 0: something has the name by now, and `ret_path` is where a dangling link leads, if it
 * is one. -1 with an error. */
static int create(const Request *request, const char *path, Fd *ret_fd, char **ret_path,
                  GError **error)
{
    g_autofree char *name = NULL;
    g_autofree char *folder = g_path_get_dirname(path);
    g_auto(Fd) parent = request_open_parent(request, path, &name, error);
    char target[PATH_MAX];
    ssize_t length;

    if (parent < 0)
        return -1;
    *ret_fd =
        openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)0600);
    if (*ret_fd >= 0)
        return 1;
    if (errno != EEXIST) {
        request_fail(request, errno, "create it", error);
        return -1;
    }
    length = readlinkat(parent, name, target, sizeof target - 1);
    if (length > 0) {
        target[length] = '\0';
        *ret_path = target[0] == '/' ? g_strdup(target) : g_build_filename(folder, target, NULL);
    }
    return 0;
}

/* The file to write; `ret_created` says whether it is new. -1 with an error. */
static int open_target(const Request *request, gboolean append, gboolean *ret_created,
                       GError **error)
{
    g_autofree char *path = g_strdup(request->path);

    for (int i = 0; i < TRIES; i++) {
        g_autofree char *further = NULL;
        g_auto(Fd) fd = -1;
        int found = open_present(request, path, append, &fd, error);

        if (found == 0) {
            found = create(request, path, &fd, &further, error);
            *ret_created = found == 1;
        }
        if (found != 0)
            return found < 0 ? -1 : fd_steal(&fd);
        if (further != NULL) {
            g_free(path);
            path = g_steal_pointer(&further);
        }
    }
    request_fail(request, ELOOP, "look it up", error);
    return -1;
}

static gboolean copy_in(const Request *request, int from, int to, GError **error)
{
    g_autofree char *buffer = g_malloc(65536);

    for (;;) {
        ssize_t n;

        request_alarm_stop();
        n = read(from, buffer, 65536);
        request_alarm();
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(error, errno, "%s: read the content", request->path);
        if (n == 0)
            return TRUE;
        if (!file_write_all(to, buffer, (gsize)n))
            return request_fail(request, errno, "write it", error);
    }
}

gboolean files_put(const Request *request, GError **error)
{
    gboolean append = json_is_true(json_object_get(request->body, "append"));
    gboolean created = FALSE;
    g_auto(Fd) fd = open_target(request, append, &created, error);

    if (fd < 0)
        return FALSE;
    if (created && (fchown(fd, id_of(request, "uid"), id_of(request, "gid")) < 0 ||
                    fchmod(fd, mode_of(request, FILE_MODE)) < 0))
        return request_fail(request, errno, "set owner and mode", error);
    if (request->fds[1] >= 0 && !copy_in(request, request->fds[1], fd, error))
        return FALSE;
    answer_created(created);
    return TRUE;
}

/* ---- the rest ---- */

/* The directory that was just made, unless somebody put something else in its place. */
static gboolean set_owner(const Request *request, int parent, const char *name, GError **error)
{
    g_auto(Fd) fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fchown(fd, id_of(request, "uid"), id_of(request, "gid")) < 0 ||
        fchmod(fd, mode_of(request, DIRECTORY_MODE)) < 0)
        return request_fail(request, errno, "set owner and mode", error);
    return TRUE;
}

gboolean files_mkdir(const Request *request, GError **error)
{
    g_autofree char *name = NULL;
    g_auto(Fd) there = request_open(request, request->path, O_PATH | O_DIRECTORY, 0);
    g_auto(Fd) parent = -1;

    if (there >= 0) {
        answer_created(FALSE);
        return TRUE;
    }
    parent = request_open_parent(request, request->path, &name, error);
    if (parent < 0)
        return FALSE;
    if (mkdirat(parent, name, 0700) < 0)
        return request_fail(request, errno, "make the directory", error);
    if (!set_owner(request, parent, name, error))
        return FALSE;
    answer_created(TRUE);
    return TRUE;
}

static gboolean is_link_to(int parent, const char *name, const char *target)
{
    char present[PATH_MAX];
    ssize_t length = readlinkat(parent, name, present, sizeof present);

    return length >= 0 && (gsize)length == strlen(target) &&
           memcmp(present, target, (gsize)length) == 0;
}

gboolean files_symlink(const Request *request, GError **error)
{
    const char *target = json_member_string(request->body, "target");
    g_autofree char *name = NULL;
    g_auto(Fd) parent = request_open_parent(request, request->path, &name, error);

    if (parent < 0)
        return FALSE;
    if (target == NULL || *target == '\0')
        return error_set(error, ERR_INVALID, "%s: a symbolic link needs a target", request->path);
    if (symlinkat(target, parent, name) < 0) {
        int number = errno;

        if (number != EEXIST || !is_link_to(parent, name, target))
            return request_fail(request, number, "make the link", error);
        answer_created(FALSE);
        return TRUE;
    }
    if (fchownat(parent, name, id_of(request, "uid"), id_of(request, "gid"), AT_SYMLINK_NOFOLLOW) <
        0)
        return request_fail(request, errno, "set its owner", error);
    answer_created(TRUE);
    return TRUE;
}

gboolean files_delete(const Request *request, GError **error)
{
    g_autofree char *name = NULL;
    g_auto(Fd) parent = request_open_parent(request, request->path, &name, error);

    if (parent < 0)
        return FALSE;
    if (unlinkat(parent, name, 0) < 0 &&
        (errno != EISDIR || unlinkat(parent, name, AT_REMOVEDIR) < 0))
        return request_fail(request, errno, "delete it", error);
    request_answer(json_object(), -1);
    return TRUE;
}
