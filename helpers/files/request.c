#include "files/request.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "error.h"
#include "file.h"

#define SOCKET 3
#define PATIENCE 30 /* seconds */

gboolean request_receive(Request *request)
{
    request->body = message_receive(SOCKET, request->fds);
    request->path = json_member_string(request->body, "path");
    request->reopen = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return request->path != NULL && request->path[0] == '/' && request->reopen >= 0;
}

gboolean request_open_root(Request *request, GError **error)
{
    request->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return request->root >= 0 || error_errno(error, errno, "open the instance's root");
}

void request_answer(json_t *answer, int fd)
{
    message_send(SOCKET, answer, &fd, fd >= 0 ? 1 : 0);
    json_decref(answer);
}

void request_answer_error(const GError *error)
{
    request_answer(json_pack("{ss si}", "error", error->message, "code", error->code), -1);
}

void request_alarm(void)
{
    alarm(PATIENCE);
}

void request_alarm_stop(void)
{
    alarm(0);
}

int request_open(const Request *request, const char *path, int flags, mode_t mode)
{
    struct open_how how = {.flags = (guint64)(flags | O_CLOEXEC | O_NOCTTY),
                           .mode = mode,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    long fd;

    if ((flags & O_PATH) != 0)
        how.flags &= ~(guint64)O_NOCTTY;
    /* EAGAIN: something was renamed meanwhile, and the kernel cannot say where the path ends. */
    for (int i = 0; i < 1000; i++) {
        fd = syscall(SYS_openat2, request->root, path, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return (int)fd;
}

int request_open_parent(const Request *request, const char *path, char **ret_name, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    int fd;

    if (g_str_equal(name, "/") || g_str_equal(name, ".") || g_str_equal(name, "..")) {
        error_set(error, ERR_INVALID, "%s: the path names no entry of a folder", path);
        return -1;
    }
    fd = request_open(request, folder, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        request_fail(request, errno, "look it up", error);
    else
        *ret_name = g_steal_pointer(&name);
    return fd;
}

int request_reopen(const Request *request, int fd, int flags)
{
    char number[16];

    snprintf(number, sizeof number, "%d", fd);
    return openat(request->reopen, number, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

gboolean request_fail(const Request *request, int number, const char *what, GError **error)
{
    static const struct {
        int number;
        ErrorCode code;
    } codes[] = {{ENOENT, ERR_NOT_FOUND},     {ENOTDIR, ERR_NOT_FOUND}, {EACCES, ERR_PERMISSION},
                 {EPERM, ERR_PERMISSION},     {EROFS, ERR_PERMISSION},  {EEXIST, ERR_EXISTS},
                 {EISDIR, ERR_INVALID},       {ENOTEMPTY, ERR_INVALID}, {ELOOP, ERR_INVALID},
                 {ENAMETOOLONG, ERR_INVALID}, {EBUSY, ERR_BUSY},        {EINVAL, ERR_INVALID},
                 {ENOSPC, ERR_REFUSED},       {EDQUOT, ERR_REFUSED}};

    for (guint i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (codes[i].number == number)
            return error_set(error, codes[i].code, "%s: %s: %s", request->path, what,
                             g_strerror(number));
    }
    return error_errno(error, number, "%s: %s", request->path, what);
}
