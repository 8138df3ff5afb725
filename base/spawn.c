/* In angle brackets, so that spawn.h finds libc's header of the same name behind itself. */
#include <spawn.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "file.h"

#define DEFAULT_TIMEOUT_MS 60000u
#define OUTPUT_MAX (64u << 20) /* of stdout; more is an error */
#define TAIL_MAX 2048u         /* of stderr, kept for the error */
#define TICK_MS 100
#define CANCEL_MS 200 /* between two looks at `cancel` */

/* Searched after PATH: a user's shell often lacks the folders with the tools that we need. */
#define SEARCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static GMutex record_lock;
static GPtrArray *record;

void spawn_record(GPtrArray *argvs)
{
    g_mutex_lock(&record_lock);
    record = argvs;
    g_mutex_unlock(&record_lock);
}

static gboolean recorded(const char *const *argv)
{
    gboolean yes;

    g_mutex_lock(&record_lock);
    yes = record != NULL;
    if (yes)
        g_ptr_array_add(record, g_strdupv((char **)argv));
    g_mutex_unlock(&record_lock);
    return yes;
}

static char *search_path(void)
{
    const char *path = g_getenv("PATH");

    return path == NULL || *path == '\0' ? g_strdup(SEARCH_PATH)
                                         : g_strconcat(path, ":", SEARCH_PATH, NULL);
}

/* Absolute path of a program; NULL with an error that says which one is missing. */
static char *find_program(const char *name, const char *path, GError **error)
{
    g_auto(GStrv) folders = NULL;

    if (strchr(name, '/') != NULL) {
        if (access(name, X_OK) == 0)
            return g_strdup(name);
        error_errno(error, errno, "run %s", name);
        return NULL;
    }
    folders = g_strsplit(path, ":", -1);
    for (char **folder = folders; *folder != NULL; folder++) {
        g_autofree char *full = g_build_filename(*folder, name, NULL);

        if (**folder == '/' && access(full, X_OK) == 0)
            return g_steal_pointer(&full);
    }
    error_set(error, ERR_FAILED, "program %s is not installed (looked in %s)", name, path);
    return NULL;
}

/* Everything of a child that does not depend on how its output is used. */
static gboolean make_stdin(const SpawnOptions *options, Fd *ret_fd, GError **error)
{
    g_auto(Fd) fd = -1;

    if (options->input_fd > 0) {
        *ret_fd = fcntl(options->input_fd, F_DUPFD_CLOEXEC, 3);
        return *ret_fd >= 0 || error_errno(error, errno, "prepare the input of a program");
    }
    if (options->input == NULL) {
        *ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return *ret_fd >= 0 || error_errno(error, errno, "open /dev/null");
    }
    /* A memory file needs no second writer that could block or be killed by SIGPIPE. */
    fd = memfd_create("stdin", MFD_CLOEXEC);
    if (fd < 0 || !file_write_all(fd, options->input, strlen(options->input)) ||
        lseek(fd, 0, SEEK_SET) < 0)
        return error_errno(error, errno, "prepare the input of a program");
    *ret_fd = fd_steal(&fd);
    return TRUE;
}

pid_t spawn_process(const char *program, char *const *argv, char *const *env,
                    posix_spawn_file_actions_t *actions, GError **error)
{
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t pid = -1;
    int code;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    /* A process group of its own: Ctrl-C at the terminal is for us, which then undo in order. */
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    code = posix_spawn(&pid, program, actions, &attributes, argv, env);
    posix_spawn_file_actions_destroy(actions);
    posix_spawnattr_destroy(&attributes);
    if (code != 0) {
        error_errno(error, code, "run %s", program);
        return -1;
    }
    return pid;
}

static pid_t start(const char *program, const char *const *argv, char *const *env,
                   const SpawnOptions *options, int in, int out, int err, GError **error)
{
    posix_spawn_file_actions_t actions;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_adddup2(&actions, err, 2);
    if (options->keep_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, options->keep_fd, 3);
    posix_spawn_file_actions_addclosefrom_np(&actions, options->keep_fd >= 0 ? 4 : 3);
    posix_spawn_file_actions_addchdir_np(&actions, options->cwd != NULL ? options->cwd : "/");
    return spawn_process(program, (char *const *)argv, env, &actions, error);
}

/* Moves what can be read now into `text`; closes the pipe at its end. TRUE when there may be more.
 */
static void drain(Fd *fd, GString *text, gsize limit, gboolean keep_tail)
{
    char buffer[16384];

    while (*fd >= 0) {
        ssize_t n = read(*fd, buffer, sizeof(buffer));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            fd_close(fd_steal(fd));
            return;
        }
        if (keep_tail || text->len <= limit)
            g_string_append_len(text, buffer, n);
        if (keep_tail && text->len > limit)
            g_string_erase(text, 0, (gssize)(text->len - limit));
    }
}

static gboolean is_cancelled(volatile gint *cancel)
{
    return cancel != NULL && g_atomic_int_get(cancel) != 0;
}

/* Until the next look at what else there is. */
static int wait_ms(const SpawnOptions *options, gint64 left)
{
    if (options->tick != NULL)
        left = MIN(left, TICK_MS);
    if (options->cancel != NULL)
        left = MIN(left, CANCEL_MS);
    return (int)MIN(left, G_MAXINT);
}

/* Collects output until the child ends. FALSE when the deadline or a cancel came first. */
static gboolean collect(const SpawnOptions *options, int pidfd, Fd *out, Fd *err, guint timeout_ms,
                        GString *output, GString *tail)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

    for (;;) {
        struct pollfd fds[3] = {{.fd = pidfd, .events = POLLIN},
                                {.fd = *out, .events = POLLIN},
                                {.fd = *err, .events = POLLIN}};
        gint64 left = (deadline - g_get_monotonic_time() + 999) / 1000;

        if (left <= 0 || is_cancelled(options->cancel))
            return FALSE;
        if (poll(fds, 3, wait_ms(options, left)) < 0 && errno != EINTR)
            return FALSE;
        if (options->tick != NULL)
            options->tick(options->tick_data);
        /* What the child wrote before its end is in the pipes when its end is seen; what its own
         * children write later is nobody's. */
        drain(out, output, OUTPUT_MAX, FALSE);
        drain(err, tail, TAIL_MAX, TRUE);
        if ((fds[0].revents & POLLIN) != 0) {
            drain(out, output, OUTPUT_MAX, FALSE);
            drain(err, tail, TAIL_MAX, TRUE);
            return TRUE;
        }
    }
}

static gboolean check_status(const char *name, const siginfo_t *info, const GString *output,
                             GString *tail, GError **error)
{
    const char *separator;

    g_strchomp(tail->str);
    separator = tail->str[0] != '\0' ? ": " : "";
    if (info->si_code != CLD_EXITED)
        return error_set(error, ERR_FAILED, "%s was ended by signal %d (%s)%s%s", name,
                         info->si_status, g_strsignal(info->si_status), separator, tail->str);
    if (info->si_status != 0)
        return error_set(error, ERR_FAILED, "%s failed with status %d%s%s", name, info->si_status,
                         separator, tail->str);
    if (output->len > OUTPUT_MAX)
        return error_set(error, ERR_FAILED, "%s wrote more than %u bytes", name, OUTPUT_MAX);
    return TRUE;
}

gboolean spawn_run(const char *const *argv, const SpawnOptions *options, char **ret_output,
                   GError **error)
{
    static const SpawnOptions defaults = {.keep_fd = -1};
    g_autofree char *path = search_path();
    g_autofree char *path_entry = g_strconcat("PATH=", path, NULL);
    const char *default_env[] = {path_entry, "LANG=C.UTF-8", NULL};
    g_autofree char *name = g_path_get_basename(argv[0]);
    g_autofree char *program = NULL;
    g_autoptr(GString) output = g_string_new(NULL);
    g_autoptr(GString) tail = g_string_new(NULL);
    g_auto(Fd) in = -1, out = -1, err = -1, out_write = -1, err_write = -1, pidfd = -1;
    int pipes[2];
    guint timeout;
    siginfo_t info = {0};
    gboolean in_time;
    pid_t pid;

    if (options == NULL)
        options = &defaults;
    if (recorded(argv)) {
        if (ret_output != NULL)
            *ret_output = g_strdup("");
        return TRUE;
    }
    program = find_program(argv[0], path, error);
    if (program == NULL || !make_stdin(options, &in, error))
        return FALSE;
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return error_errno(error, errno, "run %s", name);
    out = pipes[0];
    out_write = pipes[1];
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return error_errno(error, errno, "run %s", name);
    err = pipes[0];
    err_write = pipes[1];
    fcntl(out, F_SETFL, O_NONBLOCK);
    fcntl(err, F_SETFL, O_NONBLOCK);

    pid = start(program, argv, (char *const *)(options->env != NULL ? options->env : default_env),
                options, in, options->output_fd > 0 ? options->output_fd : out_write, err_write,
                error);
    if (pid < 0)
        return FALSE;
    fd_close(fd_steal(&out_write));
    fd_close(fd_steal(&err_write));
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    timeout = options->timeout_ms != 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    in_time = pidfd >= 0 && collect(options, pidfd, &out, &err, timeout, output, tail);
    if (!in_time)
        kill(-pid, SIGKILL);
    while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
        ;
    if (!in_time && is_cancelled(options->cancel))
        return error_set(error, ERR_INTERRUPTED, "%s was cancelled", name);
    if (!in_time)
        return error_set(error, ERR_FAILED, "%s did not end within %u ms and was killed%s%s", name,
                         timeout, tail->len > 0 ? ": " : "", tail->str);
    if (!check_status(name, &info, output, tail, error))
        return FALSE;
    if (ret_output != NULL)
        *ret_output = g_string_free(g_steal_pointer(&output), FALSE);
    return TRUE;
}

/* The last moments before exec of a daemon: only async-signal-safe calls, as the parent may have
 * threads. Reports errno through `report` when exec fails. */
static void G_GNUC_NORETURN daemon_exec(const char *program, char *const *argv, char *const *env,
                                        int log, int null, int report)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;
    int code;

    for (int number = 1; number < 65; number++)
        sigaction(number, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (chdir("/") == 0 && dup2(null, 0) >= 0 && dup2(log, 1) >= 0 && dup2(log, 2) >= 0 &&
        dup2(report, 3) >= 0 && fcntl(3, F_SETFD, FD_CLOEXEC) == 0 &&
        syscall(SYS_close_range, 4u, ~0u, 0u) == 0)
        execve(program, argv, env);
    code = errno;
    /* Nobody can be told when even this write fails. */
    if (write(report, &code, sizeof(code)) < 0)
        _exit(126);
    _exit(127);
}

GPid spawn_daemon(const char *const *argv, const char *log_path, GError **error)
{
    g_autofree char *path = search_path();
    g_autofree char *path_entry = g_strconcat("PATH=", path, NULL);
    const char *env[] = {path_entry, "LANG=C.UTF-8", NULL};
    g_autofree char *program = NULL;
    g_auto(Fd) null = -1, log = -1, pid_read = -1, pid_write = -1, report_read = -1,
               report_write = -1;
    int pipes[2];
    int code = 0;
    pid_t middle, pid = -1;

    if (recorded(argv))
        return 1;
    program = find_program(argv[0], path, error);
    if (program == NULL)
        return -1;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    log = log_path != NULL
              ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640)
              : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0 || log < 0) {
        error_errno(error, errno, "open the log %s of %s",
                    log_path != NULL ? log_path : "/dev/null", argv[0]);
        return -1;
    }
    if (pipe2(pipes, O_CLOEXEC) == 0) {
        pid_read = pipes[0];
        pid_write = pipes[1];
    }
    if (pipe2(pipes, O_CLOEXEC) == 0) {
        report_read = pipes[0];
        report_write = pipes[1];
    }
    /* dup2 onto 0..3 must not hit one of these. */
    if (report_write >= 0 && report_write <= 3) {
        int higher = fcntl(report_write, F_DUPFD_CLOEXEC, 4);

        fd_close(report_write);
        report_write = higher;
    }
    middle = pid_read < 0 || report_write < 0 ? -1 : fork();
    if (middle < 0) {
        error_errno(error, errno, "start %s", argv[0]);
        return -1;
    }
    if (middle == 0) {
        /* The one in between ends at once, so that init and not we have to reap the daemon. */
        pid_t child;

        setsid();
        child = fork();
        if (child == 0)
            daemon_exec(program, (char *const *)argv, (char *const *)env, log, null, report_write);
        _exit(write(pid_write, &child, sizeof(child)) == sizeof(child) ? 0 : 1);
    }
    fd_close(fd_steal(&pid_write));
    fd_close(fd_steal(&report_write));
    while (waitpid(middle, NULL, 0) < 0 && errno == EINTR)
        ;
    if (read(pid_read, &pid, sizeof(pid)) != sizeof(pid) || pid < 0) {
        error_set(error, ERR_FAILED, "start %s: cannot fork", argv[0]);
        return -1;
    }
    if (read(report_read, &code, sizeof(code)) == sizeof(code)) {
        error_errno(error, code, "start %s", program);
        return -1;
    }
    return pid;
}
