/* A command inside a running container, in its namespaces, groups, capabilities and seccomp filter.
 * The answer comes when it ends; when whoever asked is gone, it is killed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* In the container: unlike lxc_attach_run_command it tells a program that is not there from one
 * that cannot run. */
static int run_command(void *payload)
{
    char **argv = payload;

    execvp(argv[0], argv);
    return errno == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
}

static int exit_status(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Waits for the command, or kills it when the socket says that nobody waits for us any more. */
static int wait_command(pid_t pid)
{
    g_auto(Fd) pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd watched[] = {{.fd = pidfd, .events = POLLIN},
                               {.fd = SOCKET, .events = POLLRDHUP}};
    int status = 0;

    while (poll(watched, 2, -1) < 0 && errno == EINTR)
        ;
    if (watched[0].revents == 0)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return exit_status(status);
}

static gid_t id_of(const Request *request, const char *key)
{
    const json_t *id = json_object_get(request->body, key);

    return id != NULL ? (gid_t)json_integer_value(id) : 0;
}

gboolean verb_exec(const Request *request)
{
    lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
    gboolean terminal = json_is_true(json_object_get(request->body, "terminal"));
    struct lxc_container *container = request_container(request);
    g_auto(GStrv) argv = strings_of(json_object_get(request->body, "argv"));
    g_auto(GStrv) env = strings_of(json_object_get(request->body, "env"));
    g_auto(Fd) master = -1;
    g_auto(Fd) slave = -1;
    pid_t pid = 0;

    if (container == NULL)
        return FALSE;
    options.env_policy = LXC_ATTACH_CLEAR_ENV;
    options.extra_env_vars = env;
    options.initial_cwd = (char *)json_member_string(request->body, "cwd");
    options.uid = id_of(request, "uid");
    options.gid = id_of(request, "gid");
    if (terminal) {
        if (!open_terminal(container, &master, &slave))
            return answer_error(request, "no terminal: %s", g_strerror(errno));
        give_terminal(container, slave);
        options.stdin_fd = options.stdout_fd = options.stderr_fd = slave;
        answer_send(json_object(), master);
    } else {
        /* On 0, 1 and 2 liblxc leaves a terminal of ours alone instead of taking it over. */
        for (int i = 0; i < 3; i++) {
            if (dup2(request->fds[i], i) < 0)
                return answer_error(request, "no descriptor %d for the command", i);
            close(request->fds[i]);
        }
    }
    if (container->attach(container, run_command, argv, &options, &pid) != 0) {
        lxc_container_put(container);
        return answer_error(request, "cannot run %s in the instance", argv[0]);
    }
    lxc_container_put(container);
    fd_close(slave);
    slave = -1;
    fd_close(master);
    master = -1;
    answer_send(json_pack("{si}", "status", wait_command(pid)), -1);
    return TRUE;
}
