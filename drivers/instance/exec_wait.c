/* A command whose terminal is ours: what berth exec does. */
#include "exec.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "file.h"

static void copy_size(int from, int to)
{
    struct winsize size;

    if (ioctl(from, TIOCGWINSZ, &size) == 0)
        ioctl(to, TIOCSWINSZ, &size);
}

/* Moves what there is to move. FALSE when one side is closed. */
static gboolean copy_bytes(int from, int to)
{
    char buffer[8192];
    ssize_t length = read(from, buffer, sizeof buffer);

    for (ssize_t done = 0; done < length;) {
        ssize_t n = write(to, buffer + done, (size_t)(length - done));

        if (n < 0 && errno != EINTR)
            return FALSE;
        done += MAX(n, 0);
    }
    return length > 0 || (length < 0 && errno == EINTR);
}

/* Between our descriptors and the terminal inside, until the helper has its answer and the terminal
 * is empty. */
static void relay(const Exec *exec, const ExecOptions *options)
{
    int master = exec_terminal(exec);
    sigset_t resized, before;
    g_auto(Fd) signals = -1;
    struct pollfd watched[4];

    sigemptyset(&resized);
    sigaddset(&resized, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &resized, &before);
    signals = signalfd(-1, &resized, SFD_CLOEXEC);
    watched[0] = (struct pollfd){.fd = options->in, .events = POLLIN};
    watched[1] = (struct pollfd){.fd = master, .events = POLLIN};
    watched[2] = (struct pollfd){.fd = signals, .events = POLLIN};
    watched[3] = (struct pollfd){.fd = exec_fd(exec), .events = POLLIN};
    for (;;) {
        int ready = poll(watched, 4, watched[3].fd < 0 ? 0 : -1);

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            break;
        if (watched[0].revents != 0 && !copy_bytes(options->in, master))
            watched[0].fd = -1;
        if (watched[1].revents != 0 && !copy_bytes(master, options->out))
            break;
        if (watched[2].revents != 0) {
            struct signalfd_siginfo info;

            if (read(signals, &info, sizeof info) == sizeof info)
                copy_size(options->in, master);
        }
        /* The answer is there: only what the command still wrote is copied. */
        if (watched[3].revents != 0)
            watched[0].fd = watched[2].fd = watched[3].fd = -1;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void run_terminal(const Exec *exec, const ExecOptions *options)
{
    struct termios old, raw;
    gboolean is_terminal = tcgetattr(options->in, &old) == 0;

    if (is_terminal) {
        raw = old;
        cfmakeraw(&raw);
        tcsetattr(options->in, TCSADRAIN, &raw);
    }
    relay(exec, options);
    if (is_terminal)
        tcsetattr(options->in, TCSADRAIN, &old);
}

/* Programs inside draw for the terminal that we have. */
static GStrv add_term(const char *const *env)
{
    g_autoptr(GStrvBuilder) list = g_strv_builder_new();
    const char *term = g_getenv("TERM");
    g_autofree char *text = g_strconcat("TERM=", term != NULL ? term : "dumb", NULL);

    g_strv_builder_add(list, text);
    for (; env != NULL && *env != NULL; env++)
        g_strv_builder_add(list, *env);
    return g_strv_builder_end(list);
}

gboolean instance_exec(Host *host, const Object *object, const char *const *argv,
                       const ExecOptions *options, int *ret_status, GError **error)
{
    ExecOptions ours = {.in = STDIN_FILENO, .out = STDOUT_FILENO, .err = STDERR_FILENO};
    g_autofree char *label = object_label(object);
    g_auto(GStrv) env = NULL;
    struct winsize size;
    g_autoptr(Exec) exec = NULL;

    if (options != NULL)
        ours = *options;
    if (ours.terminal) {
        env = add_term(ours.env);
        ours.env = (const char *const *)env;
        if (ioctl(ours.in, TIOCGWINSZ, &size) == 0) {
            ours.width = size.ws_col;
            ours.height = size.ws_row;
        }
    }
    exec = exec_start(host, object, argv, &ours, error);
    if (exec != NULL && ours.terminal)
        run_terminal(exec, &ours);
    if (exec != NULL && exec_finish(exec, ret_status, error))
        return TRUE;
    g_prefix_error(error, "%s: ", label);
    return FALSE;
}
