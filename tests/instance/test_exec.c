/* Commands that a daemon starts inside instances (OPS-30..47). */
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "instance/exec.h"
#include "scene.h"

TestSuite(exec, .timeout = 120);

#define SCENE_IN(state)                                                                            \
    SCENE();                                                                                       \
    const Object *c = scene_instance(scene, "c1",                                                  \
                                     "{'environment.B': 'stored', 'environment.C': "               \
                                     "'stored'}",                                                  \
                                     "{}", "{'state': '" state "'}");                              \
    scene_must(scene, c)

static Exec *start(Scene *scene, const Object *c, const char *line, ExecOptions *options)
{
    const char *argv[] = {"/bin/sh", "-c", line, NULL};
    g_autoptr(GError) error = NULL;
    Exec *exec = exec_start(scene->host, c, argv, options, &error);

    cr_assert(exec != NULL, "%s", error->message);
    return exec;
}

/* The fd alone says when it is over. */
static int finish(Exec *exec)
{
    struct pollfd over = {.fd = exec_fd(exec), .events = POLLIN};
    g_autoptr(GError) error = NULL;
    int status = -1;

    cr_assert(poll(&over, 1, 20000) == 1);
    cr_assert(exec_finish(exec, &status, &error), "%s", error != NULL ? error->message : "");
    return status;
}

static char *read_all(int fd)
{
    GString *text = g_string_new(NULL);
    char buffer[65536];
    ssize_t n;

    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(text, buffer, n);
    return g_string_free(text, FALSE);
}

/* Runs with pipes; the text of stdout. */
static char *output(Scene *scene, const Object *c, const char *line, ExecOptions options,
                    int *ret_status)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int out[2];
    g_autoptr(Exec) exec = NULL;
    char *text;

    cr_assert(pipe2(out, O_CLOEXEC) == 0);
    options.in = null;
    options.out = out[1];
    options.err = null;
    exec = start(scene, c, line, &options);
    close(null);
    close(out[1]);
    text = read_all(out[0]);
    close(out[0]);
    *ret_status = finish(exec);
    return text;
}

Test(exec, status)
{
    SCENE_IN("running");
    static const struct {
        const char *line;
        int status;
    } cases[] = {{"exit 0", 0},
                 {"exit 3", 3},
                 {"exec /no/such", 127},
                 {"exec /etc", 126},
                 {"kill -TERM $$", 128 + SIGTERM},
                 {"kill -KILL $$", 128 + SIGKILL}};
    int status;

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = output(scene, c, cases[i].line, (ExecOptions){0}, &status);

        cr_expect_eq(status, cases[i].status, "%s: %d", cases[i].line, status);
    }
}

/* Precedence, ids, folder: OPS-42..47. */
Test(exec, environment)
{
    SCENE_IN("running");
    static const char *const env[] = {"C=asked", "D=a=b", NULL};
    static const char *const home[] = {"HOME=/tmp", NULL};
    int status;
    g_autofree char *root =
        output(scene, c, "echo $B $C $D; echo $HOME $USER $LANG $PATH; pwd; id -u; id -G",
               (ExecOptions){.env = env}, &status);
    g_autofree char *user = output(scene, c, "echo [$HOME$USER]; pwd; id -u; id -g; id -G",
                                   (ExecOptions){.uid = 1000, .gid = 1001}, &status);
    g_autofree char *cwd = output(scene, c, "pwd", (ExecOptions){.env = home}, &status);
    g_autofree char *etc = output(scene, c, "pwd", (ExecOptions){.cwd = "/etc"}, &status);
    g_autofree char *snap = NULL;

    cr_expect_str_eq(root, "stored asked a=b\n/root root C.UTF-8 "
                           "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
                           "/root\n0\n0\n");
    cr_expect_str_eq(user, "[]\n/\n1000\n1001\n1001\n");
    cr_expect_str_eq(cwd, "/tmp\n");
    cr_expect_str_eq(etc, "/etc\n");
    scene_run(scene, c, "mkdir /snap", NULL);
    snap = output(scene, c, "echo $PATH", (ExecOptions){0}, &status);
    cr_expect(g_str_has_suffix(snap, ":/bin:/snap/bin\n"), "%s", snap);
}

Test(exec, thousand_lines)
{
    SCENE_IN("running");
    int status;
    g_autofree char *text =
        output(scene, c, "i=0; while test $i -lt 1000; do i=$((i+1)); echo line $i; done; exit 5",
               (ExecOptions){0}, &status);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    cr_expect_eq(status, 5);
    cr_expect_eq(g_strv_length(lines), 1001);
    cr_expect_str_eq(lines[999], "line 1000");
}

/* Any bytes go in and come out again. */
Test(exec, fifty_megabytes)
{
    SCENE_IN("running");
    const gsize size = 50u << 20;
    int file = memfd_create("in", MFD_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    g_autofree guint8 *bytes = g_malloc(size);
    g_autofree guint8 *part = g_malloc(1u << 20);
    g_autoptr(Exec) exec = NULL;
    gsize done = 0;
    int out[2];
    ssize_t n;

    for (gsize i = 0; i < size; i++)
        bytes[i] = (guint8)(i * 7 + i / 257);
    for (gsize at = 0; at < size; at += 1u << 20)
        cr_assert(write(file, bytes + at, 1u << 20) == 1 << 20);
    cr_assert(lseek(file, 0, SEEK_SET) == 0 && pipe2(out, O_CLOEXEC) == 0);
    exec = start(scene, c, "exec cat", &(ExecOptions){.in = file, .out = out[1], .err = null});
    close(out[1]);
    while ((n = read(out[0], part, 1u << 20)) > 0) {
        cr_assert(done + (gsize)n <= size && memcmp(bytes + done, part, (gsize)n) == 0);
        done += (gsize)n;
    }
    cr_expect_eq(done, size);
    cr_expect_eq(finish(exec), 0);
    close(out[0]);
    close(file);
    close(null);
}

/* The daemon's way: the terminal of the wanted size, a new size, a signal. */
Test(exec, terminal)
{
    SCENE_IN("running");
    g_autoptr(Exec) exec = start(scene, c,
                                 "trap 'stty size; exit 9' USR1; stty size; tty;"
                                 "while true; do sleep 1 & wait $!; done",
                                 &(ExecOptions){.terminal = TRUE, .width = 97, .height = 31});
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[4096];
    ssize_t n;

    while (strstr(text->str, "/dev/pts/") == NULL &&
           (n = read(exec_terminal(exec), buffer, sizeof buffer)) > 0)
        g_string_append_len(text, buffer, n);
    cr_expect(strstr(text->str, "31 97") != NULL, "%s", text->str);
    cr_assert(exec_resize(exec, 132, 50, &error));
    cr_assert(exec_signal(exec, SIGUSR1, &error));
    cr_expect_eq(finish(exec), 9);
    n = read(exec_terminal(exec), buffer, sizeof buffer - 1);
    buffer[MAX(n, 0)] = '\0';
    cr_expect(strstr(buffer, "50 132") != NULL, "%s", buffer);
    cr_expect(exec_signal(exec, SIGTERM, &error), "a command that is over");
    cr_expect_not(exec_signal(exec, 999, &error));
}

static Exec *sleeper(Scene *scene, const Object *c)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    Exec *exec =
        start(scene, c, "exec sleep 987", &(ExecOptions){.in = null, .out = null, .err = null});

    close(null);
    return exec;
}

static gboolean sleeps(Scene *scene, const Object *c)
{
    g_autofree char *text = NULL;

    scene_run(scene, c, "ps", &text);
    return strstr(text, "sleep 987") != NULL;
}

/* Waits until it sleeps, or does not: a command that has been started need not be what it is to be
 * yet. */
static gboolean comes_to(Scene *scene, const Object *c, gboolean asleep)
{
    for (guint i = 0; i < 200; i++) {
        if (sleeps(scene, c) == asleep)
            return TRUE;
        g_usleep(20000);
    }
    return FALSE;
}

static gboolean ends(Scene *scene, const Object *c)
{
    return comes_to(scene, c, FALSE);
}

Test(exec, signals)
{
    SCENE_IN("running");
    static const int numbers[] = {SIGTERM, SIGINT, SIGKILL, SIGHUP};

    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_autoptr(Exec) exec = sleeper(scene, c);

        cr_assert(exec_signal(exec, numbers[i], NULL));
        cr_expect_eq(finish(exec), 128 + numbers[i]);
    }
}

/* OPS-37 */
Test(exec, forgetting_kills)
{
    SCENE_IN("running");
    Exec *exec = sleeper(scene, c);

    cr_assert(comes_to(scene, c, TRUE));
    exec_free(exec);
    cr_expect(ends(scene, c));
}

/* The child of ours that is berth-lxc. */
static pid_t helper_pid(void)
{
    g_autoptr(GDir) folder = g_dir_open("/proc", 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_strdup_printf("/proc/%s/stat", name);
        g_autofree char *text = NULL;
        int parent = 0;

        if (g_file_get_contents(path, &text, NULL, NULL) && strstr(text, "(berth-lxc)") != NULL &&
            sscanf(strrchr(text, ')') + 1, " %*c %d", &parent) == 1 && parent == getpid())
            return (pid_t)g_ascii_strtoll(name, NULL, 10);
    }
    return 0;
}

/* A killed helper leaves no process behind, and somebody is told. */
Test(exec, killed_helper)
{
    SCENE_IN("running");
    g_autoptr(Exec) exec = sleeper(scene, c);
    g_autoptr(GError) error = NULL;
    pid_t helper = helper_pid();
    int status;

    cr_assert(helper > 0 && kill(helper, SIGKILL) == 0);
    cr_expect(ends(scene, c), "before anybody looks at it");
    cr_expect_not(exec_finish(exec, &status, &error));
    cr_expect(error != NULL);
}

/* One that waits for exec_go; `ret_out` is the reading end of its output. */
static Exec *gated(Scene *scene, const Object *c, int *ret_out)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int out[2];
    ExecOptions options = {.in = null, .err = null, .gated = TRUE};
    Exec *exec;

    cr_assert(pipe2(out, O_CLOEXEC) == 0);
    options.out = out[1];
    exec = start(scene, c, "echo ran", &options);
    close(null);
    close(out[1]);
    *ret_out = out[0];
    return exec;
}

Test(exec, waits_for_go)
{
    SCENE_IN("running");
    int out;
    g_autoptr(Exec) exec = gated(scene, c, &out);
    struct pollfd news = {.fd = out, .events = POLLIN};
    g_autofree char *text = NULL;

    cr_expect_eq(poll(&news, 1, 300), 0, "it neither writes nor ends before");
    cr_assert(exec_go(exec, NULL));
    text = read_all(out);
    cr_expect_str_eq(text, "ran\n");
    cr_expect_eq(finish(exec), 0);
    cr_expect(exec_go(exec, NULL), "too late is no failure");
    close(out);
}

/* Nobody lets it run: forgotten, its helper killed, killed itself. */
Test(exec, never_goes)
{
    SCENE_IN("running");

    for (guint way = 0; way < 3; way++) {
        int out;
        Exec *exec = gated(scene, c, &out);
        g_autofree char *text = NULL;

        if (way == 1)
            cr_assert(kill(helper_pid(), SIGKILL) == 0);
        else if (way == 2)
            cr_assert(exec_signal(exec, SIGKILL, NULL));
        if (way > 0)
            text = read_all(out);
        if (way == 2) {
            cr_expect(exec_go(exec, NULL), "the end tells");
            cr_expect_eq(finish(exec), 128 + SIGKILL);
        }
        exec_free(exec);
        if (way == 0)
            text = read_all(out);
        cr_expect_str_eq(text, "", "way %u", way);
        close(out);
    }
}

static void refused(Scene *scene, const Object *c, const char *text)
{
    const char *argv[] = {"/bin/true", NULL};
    g_autoptr(GError) error = NULL;

    cr_assert(exec_start(scene->host, c, argv, &(ExecOptions){0}, &error) == NULL);
    cr_expect(g_error_matches(error, BERTH_ERROR, ERR_INVALID));
    cr_expect_str_eq(error->message, text);
    cr_expect_eq(error_http_status(error), 400);
}

/* OPS-31 */
Test(exec, stopped)
{
    SCENE_IN("stopped");
    refused(scene, c, "Instance is not running");
}

Test(exec, frozen)
{
    SCENE_IN("frozen");
    refused(scene, c, "Instance is frozen");
    c = scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}");
    scene_must(scene, c);
}

/* What runs inside must not have our end of the conversation. */
Test(exec, no_foreign_descriptors)
{
    SCENE_IN("running");
    int status;
    g_autofree char *text =
        output(scene, c, "busybox readlink /proc/$$/fd/*; true", (ExecOptions){0}, &status);

    cr_expect(strstr(text, "socket:") == NULL, "%s", text);
}
