#include "lxc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "helper.h"
#include "message.h"
#include "spawn.h"

#define HELPER_SOCKET 3
#define AHEAD_US (5 * G_USEC_PER_SEC) /* berth-lxc itself waits longer for its request */

static gboolean send_request(int socket, const char *program, const json_t *request, const int *fds,
                             guint n_fds, GError **error)
{
    int size = MESSAGE_MAX * 2;

    setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    if (message_send(socket, request, fds, n_fds))
        return TRUE;
    if (errno == EMSGSIZE)
        return error_set(error, ERR_INVALID, "the request to %s is longer than %u bytes", program,
                         MESSAGE_MAX);
    return error_errno(error, errno, "send a request to %s", program);
}

/* No PATH: liblxc would hand the id map to newuidmap, which costs two processes and asks subuid a
 * second time. Hooks of raw.lxc run in a shell, which then has its own usual PATH. */
static pid_t spawn_helper(const char *program, int socket, GError **error)
{
    char *argv[] = {(char *)program, NULL};
    char *env[] = {(char *)"LANG=C.UTF-8", (char *)"HOME=/", NULL, NULL};
    posix_spawn_file_actions_t actions;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, socket, HELPER_SOCKET);
    posix_spawn_file_actions_addclosefrom_np(&actions, HELPER_SOCKET + 1);
    env[2] =
        (char *)g_getenv("ASAN_OPTIONS") != NULL ? (char *)"ASAN_OPTIONS=detect_leaks=0" : NULL;
    return spawn_process(program, argv, env, &actions, error);
}

static gboolean start_helper(LxcCall *call, const char *name, GError **error)
{
    g_autofree char *program = helper_path(name, error);
    int pair[2];
    g_auto(Fd) ours = -1;
    g_auto(Fd) theirs = -1;
    pid_t pid;

    if (program == NULL)
        return FALSE;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return error_errno(error, errno, "make a socket for %s", name);
    /* Numbers above those that the helper gets, so that no dup2 meets what it copies. */
    ours = fcntl(pair[0], F_DUPFD_CLOEXEC, 10);
    theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
    close(pair[0]);
    close(pair[1]);
    if (ours < 0 || theirs < 0)
        return error_errno(error, errno, "make a socket for %s", name);
    pid = spawn_helper(program, theirs, error);
    if (pid < 0)
        return FALSE;
    call->program = name;
    call->pid = pid;
    call->socket = fd_steal(&ours);
    return TRUE;
}

gboolean helper_call_begin(LxcCall *call, const char *name, const json_t *request, const int *fds,
                           guint n_fds, GError **error)
{
    if (!start_helper(call, name, error))
        return FALSE;
    if (send_request(call->socket, name, request, fds, n_fds, error))
        return TRUE;
    lxc_call_end(call);
    return FALSE;
}

/* ---- a helper ahead of its request ---- */

static GMutex ahead_mutex;
static LxcCall ahead; /* pid 0: there is none */
static gint64 ahead_since;

/* FALSE when it may have given up waiting; `call` is to be ended either way. */
static gboolean take_ahead(LxcCall *call)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&ahead_mutex);

    *call = ahead;
    ahead = (LxcCall){0};
    return call->pid != 0 && g_get_monotonic_time() - ahead_since < AHEAD_US;
}

void lxc_ahead(gboolean on)
{
    LxcCall old = {0};

    if (!on) {
        take_ahead(&old);
    } else {
        g_autoptr(GMutexLocker) held = g_mutex_locker_new(&ahead_mutex);

        if (ahead.pid != 0 && g_get_monotonic_time() - ahead_since < AHEAD_US)
            return;
        old = ahead;
        ahead = (LxcCall){0};
        ahead_since = g_get_monotonic_time();
        start_helper(&ahead, "berth-lxc", NULL); /* or whoever needs it says why not */
    }
    lxc_call_end(&old);
}

gboolean lxc_call_wait(const LxcCall *call, int timeout_ms, GError **error)
{
    struct pollfd poller = {.fd = call->socket, .events = POLLIN};
    int ready;

    do
        ready = poll(&poller, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    return ready > 0 || error_set(error, ERR_FAILED, "%s does not answer within %d s",
                                  call->program, timeout_ms / 1000);
}

json_t *lxc_call_receive(LxcCall *call, int timeout_ms, int *ret_fds, GError **error)
{
    int fds[MESSAGE_FDS_MAX];
    g_autoptr(json_t) answer = NULL;

    if (!lxc_call_wait(call, timeout_ms, error))
        return NULL;
    answer = message_receive(call->socket, fds);
    if (answer == NULL) {
        error_set(error, ERR_FAILED, "%s ended without an answer", call->program);
        return NULL;
    }
    for (guint i = 0; i < MESSAGE_FDS_MAX; i++) {
        if (ret_fds != NULL)
            ret_fds[i] = fds[i];
        else if (fds[i] >= 0)
            close(fds[i]);
    }
    if (json_object_get(answer, "error") != NULL) {
        json_int_t code = json_integer_value(json_object_get(answer, "code"));

        error_set(error, code > 0 && code < ERR_MAX ? (ErrorCode)code : ERR_FAILED, "%s",
                  json_member_string(answer, "error"));
        return NULL;
    }
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

gboolean lxc_call_begin(LxcCall *call, const json_t *request, const int *fds, guint n_fds, int lock,
                        GError **error)
{
    int all[MESSAGE_FDS_MAX];

    for (guint i = 0; i < n_fds; i++)
        all[i] = fds[i];
    if (lock >= 0)
        all[n_fds++] = lock;
    if (take_ahead(call) && send_request(call->socket, "berth-lxc", request, all, n_fds, NULL))
        return TRUE;
    lxc_call_end(call);
    return helper_call_begin(call, "berth-lxc", request, all, n_fds, error);
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
