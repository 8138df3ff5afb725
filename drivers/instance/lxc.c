#include "lxc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "helper.h"

#define MESSAGE_MAX (1u << 20)
#define HELPER_SOCKET 3
#define HELPER_LOCK 4

static gboolean send_request(int socket, const json_t *request, const int *fds, guint n_fds,
                             GError **error)
{
    g_autofree char *text = json_text(request);
    struct iovec part = {text, strlen(text)};
    char control[CMSG_SPACE(sizeof(int) * 4)] = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int size = MESSAGE_MAX * 2;

    if (n_fds > 0) {
        struct cmsghdr *header;

        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * n_fds);
    }
    setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    if (part.iov_len > MESSAGE_MAX)
        return error_set(error, ERR_INVALID, "the config of the instance is too large (%zu bytes)",
                         part.iov_len);
    return sendmsg(socket, &message, MSG_NOSIGNAL) >= 0 ||
           error_errno(error, errno, "send a request to berth-lxc");
}

/* No PATH: liblxc would hand the id map to newuidmap, which costs two processes and asks subuid a
 * second time. Hooks of raw.lxc run in a shell, which then has its own usual PATH. */
static pid_t spawn_helper(const char *program, int socket, int lock, GError **error)
{
    char *argv[] = {(char *)program, NULL};
    char *env[] = {(char *)"LANG=C.UTF-8", (char *)"HOME=/", NULL, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t pid = -1;
    int code;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, socket, HELPER_SOCKET);
    if (lock >= 0)
        posix_spawn_file_actions_adddup2(&actions, lock, HELPER_LOCK);
    posix_spawn_file_actions_addclosefrom_np(&actions,
                                             lock >= 0 ? HELPER_LOCK + 1 : HELPER_SOCKET + 1);
    env[2] =
        (char *)g_getenv("ASAN_OPTIONS") != NULL ? (char *)"ASAN_OPTIONS=detect_leaks=0" : NULL;
    code = posix_spawn(&pid, program, &actions, &attributes, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (code != 0) {
        error_errno(error, code, "start %s", program);
        return -1;
    }
    return pid;
}

gboolean lxc_call_begin(LxcCall *call, const json_t *request, const int *fds, guint n_fds, int lock,
                        GError **error)
{
    g_autofree char *program = helper_path("berth-lxc", error);
    int pair[2];
    g_auto(Fd) ours = -1;
    g_auto(Fd) theirs = -1;
    pid_t pid;

    if (program == NULL)
        return FALSE;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return error_errno(error, errno, "make a socket for berth-lxc");
    /* Numbers above those that the helper gets, so that no dup2 meets what it copies. */
    ours = fcntl(pair[0], F_DUPFD_CLOEXEC, 10);
    theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
    close(pair[0]);
    close(pair[1]);
    if (ours < 0 || theirs < 0)
        return error_errno(error, errno, "make a socket for berth-lxc");
    if (!send_request(ours, request, fds, n_fds, error))
        return FALSE;
    pid = spawn_helper(program, theirs, lock, error);
    if (pid < 0)
        return FALSE;
    call->pid = pid;
    call->socket = fd_steal(&ours);
    return TRUE;
}

static int take_fd(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd = -1;

    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len >= CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

json_t *lxc_call_receive(LxcCall *call, int timeout_ms, int *ret_fd, GError **error)
{
    g_autofree char *buffer = g_malloc(MESSAGE_MAX);
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {buffer, MESSAGE_MAX};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct pollfd poller = {.fd = call->socket, .events = POLLIN};
    g_autoptr(json_t) answer = NULL;
    g_auto(Fd) fd = -1;
    ssize_t length;
    int ready;

    do
        ready = poll(&poller, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        error_set(error, ERR_FAILED, "berth-lxc does not answer within %d s", timeout_ms / 1000);
        return NULL;
    }
    length = ready < 0 ? -1 : recvmsg(call->socket, &message, MSG_CMSG_CLOEXEC);
    if (length <= 0) {
        error_set(error, ERR_FAILED, "berth-lxc ended without an answer");
        return NULL;
    }
    fd = take_fd(&message);
    answer = json_loadb(buffer, (size_t)length, 0, NULL);
    if (answer == NULL || json_object_get(answer, "error") != NULL) {
        const char *text = json_member_string(answer, "error");

        error_set(error, ERR_FAILED, "%s", text != NULL ? text : "berth-lxc answers nonsense");
        return NULL;
    }
    if (ret_fd != NULL)
        *ret_fd = fd_steal(&fd);
    return g_steal_pointer(&answer);
}

void lxc_call_end(LxcCall *call)
{
    if (call->pid <= 0)
        return;
    close(call->socket);
    kill(call->pid, SIGKILL);
    while (waitpid(call->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    call->pid = 0;
}

json_t *lxc_call(const json_t *request, int lock, int timeout_ms, GError **error)
{
    LxcCall call = {0};
    json_t *answer;

    if (!lxc_call_begin(&call, request, NULL, 0, lock, error))
        return NULL;
    answer = lxc_call_receive(&call, timeout_ms, NULL, error);
    lxc_call_end(&call);
    return answer;
}
