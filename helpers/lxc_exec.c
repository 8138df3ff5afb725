/* A command inside a running container, in its namespaces, groups, capabilities and seccomp filter.
 *
 *   {"verb": "exec", "name", "path", "items", "argv": [...], "env": [...], "default_path": bool,
 *    "cwd", "uid", "gid", "terminal": bool, "width", "height", "gated": bool}, with descriptors for
 * stdin, stdout and stderr unless "terminal"     -> {} with a pidfd of the command, and the
 * terminal's master
 *   then any number of {"signal": N} to it, and for a gated one {"go": true}, before which the
 * program does not run     -> {"status": N} when it has ended
 *
 * When whoever asked is gone, the command is killed; when this process is killed, it is too. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lxc/lxccontainer.h>

#include "file.h"
#include "lxc_helper.h"

#define SOCKET 3
#define NOT_FOUND 127
#define NOT_EXECUTABLE 126

/* A terminal among the container's own, so that programs inside find its name; the host's where
 * liblxc has none to give. */
static gboolean open_terminal(struct lxc_container *container, int *ret_master, int *ret_slave)
{
    g_auto(Fd) devpts = container->devpts_fd(container);
    g_auto(Fd) master = -1;
    g_auto(Fd) slave = -1;

    if (devpts >= 0)
        master = openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0)
        master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || unlockpt(master) != 0)
        return FALSE;
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return FALSE;
    *ret_master = fd_steal(&master);
    *ret_slave = fd_steal(&slave);
    return TRUE;
}

/* The terminal belongs to the container's root, whoever that is outside. */
static void give_terminal(struct lxc_container *container, int slave)
{
    g_autofree char *path = g_strdup_printf("/proc/%d", container->init_pid(container));
    struct stat owner;

    if (stat(path, &owner) == 0 && fchown(slave, owner.st_uid, owner.st_gid) != 0)
        return;
}

static GStrv strings_of(const json_t *list)
{
    g_autoptr(GPtrArray) strings = g_ptr_array_new();
    const json_t *item;
    size_t i;

    json_array_foreach (list, i, item)
        g_ptr_array_add(strings, g_strdup(json_string_value(item)));
    g_ptr_array_add(strings, NULL);
    return (GStrv)g_ptr_array_steal(strings, NULL);
}

typedef struct {
    char **argv;
    gboolean default_path; /* PATH is nobody's wish */
    int gate;              /* an eventfd that lets the program run; -1: nothing waits */
} Command;

/* OPS-45: looked at with the command's own rights. */
static void extend_path(void)
{
    static const struct {
        const char *sign, *folder;
    } more[] = {{"/snap", "/snap/bin"}, {"/etc/NIXOS", "/run/current-system/sw/bin"}};
    struct stat info;

    for (guint i = 0; i < G_N_ELEMENTS(more); i++) {
        g_autofree char *path = NULL;

        if (stat(more[i].sign, &info) != 0)
            continue;
        path = g_strconcat(g_getenv("PATH"), ":", more[i].folder, NULL);
        g_setenv("PATH", path, TRUE);
    }
}

static void wait_gate(const Command *command)
{
    eventfd_t count;

    while (command->gate >= 0 && eventfd_read(command->gate, &count) != 0 && errno == EINTR)
        ;
}

/* In the container: unlike lxc_attach_run_command it tells a program that is not there from one
 * that cannot run. */
static int run_command(void *payload)
{
    const Command *command = payload;

    /* Our parent is outside the container's process namespace: it shows as 0, and as init when it
     * is gone already. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() == 1)
        return NOT_EXECUTABLE;
    wait_gate(command);
    if (command->default_path)
        extend_path();
    execvp(command->argv[0], command->argv);
    return errno == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
}

static int exit_status(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* One message about the command. FALSE when nobody is there any more. */
static gboolean obey(int pidfd, const Command *command)
{
    int fds[MESSAGE_FDS_MAX];
    g_autoptr(json_t) message = message_receive(SOCKET, fds);

    if (message == NULL)
        return FALSE;
    for (guint i = 0; i < MESSAGE_FDS_MAX; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    if (json_is_true(json_object_get(message, "go")))
        return eventfd_write(command->gate, 1) == 0;
    syscall(SYS_pidfd_send_signal, pidfd,
            (int)json_integer_value(json_object_get(message, "signal")), NULL, 0);
    return TRUE;
}

/* Waits for the command, or kills it when the socket says that nobody waits for us any more. */
static int wait_command(pid_t pid, int pidfd, const Command *command)
{
    struct pollfd watched[] = {{.fd = pidfd, .events = POLLIN}, {.fd = SOCKET, .events = POLLIN}};
    int status = 0;

    for (;;) {
        if (poll(watched, 2, -1) < 0 && errno == EINTR)
            continue;
        if (watched[0].revents != 0)
            break;
        if (watched[1].revents != 0 && !obey(pidfd, command)) {
            syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
            break;
        }
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return exit_status(status);
}

static gid_t id_of(const Request *request, const char *key)
{
    const json_t *id = json_object_get(request->body, key);

    return id != NULL ? (gid_t)json_integer_value(id) : 0;
}

/* The descriptors that the command gets. FALSE after an error was answered. */
static gboolean open_streams(const Request *request, struct lxc_container *container,
                             lxc_attach_options_t *options, int *ret_master, int *ret_slave)
{
    struct winsize size = {0};

    if (json_is_true(json_object_get(request->body, "terminal"))) {
        if (!open_terminal(container, ret_master, ret_slave))
            return answer_error(request, "no terminal: %s", g_strerror(errno));
        give_terminal(container, *ret_slave);
        size.ws_col = (unsigned short)json_integer_value(json_object_get(request->body, "width"));
        size.ws_row = (unsigned short)json_integer_value(json_object_get(request->body, "height"));
        ioctl(*ret_master, TIOCSWINSZ, &size);
        options->stdin_fd = options->stdout_fd = options->stderr_fd = *ret_slave;
        return TRUE;
    }
    /* On 0, 1 and 2 liblxc leaves a terminal of ours alone instead of taking it over. */
    for (int i = 0; i < 3; i++) {
        if (dup2(request->fds[i], i) < 0)
            return answer_error(request, "no descriptor %d for the command", i);
        close(request->fds[i]);
    }
    return TRUE;
}

/* Our copies of what the command reads and writes: whoever waits for its end must not wait for us.
 */
static void close_streams(void)
{
    for (int i = 0; i < 3; i++)
        close(i);
}

gboolean verb_exec(const Request *request)
{
    lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
    struct lxc_container *container = request_container(request);
    g_auto(GStrv) argv = strings_of(json_object_get(request->body, "argv"));
    g_auto(GStrv) env = strings_of(json_object_get(request->body, "env"));
    Command command = {argv, json_is_true(json_object_get(request->body, "default_path")), -1};
    g_auto(Fd) master = -1;
    g_auto(Fd) slave = -1;
    g_auto(Fd) pidfd = -1;
    int fds[2];
    pid_t pid = 0;

    if (container == NULL)
        return FALSE;
    if (json_is_true(json_object_get(request->body, "gated"))) {
        command.gate = eventfd(0, EFD_CLOEXEC);
        if (command.gate < 0) {
            lxc_container_put(container);
            return answer_error(request, "no event counter: %s", g_strerror(errno));
        }
    }
    options.env_policy = LXC_ATTACH_CLEAR_ENV;
    options.extra_env_vars = env;
    options.initial_cwd = (char *)json_member_string(request->body, "cwd");
    options.uid = id_of(request, "uid");
    options.gid = id_of(request, "gid");
    if (!open_streams(request, container, &options, &master, &slave)) {
        lxc_container_put(container);
        return FALSE;
    }
    /* liblxc returns -errno for what failed; of a container that is just ending that may be 0. */
    if (container->attach(container, run_command, &command, &options, &pid) != 0 || pid <= 0) {
        lxc_container_put(container);
        return answer_error(request, "cannot run %s in the instance", argv[0]);
    }
    lxc_container_put(container);
    close_streams();
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    fds[0] = pidfd;
    fds[1] = master;
    answer_send_fds(json_object(), fds, master >= 0 ? 2 : 1);
    if (master >= 0) {
        fd_close(fd_steal(&slave));
        fd_close(fd_steal(&master));
    }
    answer_send(json_pack("{si}", "status", wait_command(pid, pidfd, &command)));
    return TRUE;
}
