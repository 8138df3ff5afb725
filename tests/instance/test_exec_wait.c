/* Commands that somebody runs inside and waits for: terminal, exit status, namespaces. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "instance/exec.h"
#include "scene.h"

TestSuite(exec_wait, .timeout = 60);

static int run_terminal(Scene *scene, const Object *c, const char *typed, char **ret_output)
{
    const char *argv[] = {"/bin/sh", NULL};
    int in[2], out[2], status = -1;
    char buffer[65536];
    ssize_t length;
    g_autoptr(GError) error = NULL;

    cr_assert(pipe(in) == 0 && pipe(out) == 0);
    cr_assert(write(in[1], typed, strlen(typed)) == (ssize_t)strlen(typed));
    cr_assert(
        instance_exec(scene->host, c, argv,
                      &(ExecOptions){.in = in[0], .out = out[1], .terminal = TRUE, .cwd = "/"},
                      &status, &error),
        "%s", error != NULL ? error->message : "");
    close(in[0]);
    close(in[1]);
    close(out[1]);
    length = read(out[0], buffer, sizeof buffer - 1);
    buffer[MAX(length, 0)] = '\0';
    close(out[0]);
    *ret_output = g_strdup(buffer);
    return status;
}

Test(exec_wait, exec_with_a_terminal)
{
    SCENE();
    const Object *c = running(scene, "{'environment.GREETING': 'moin'}");
    g_autofree char *text = NULL;

    scene_must(scene, c);
    cr_expect_eq(run_terminal(scene, c, "tty; echo $GREETING $((6*7)); exit 3\n", &text), 3);
    has_text(text, "/dev/pts/");
    has_text(text, "moin 42");
}

Test(exec_wait, exec_exit_codes)
{
    SCENE();
    const Object *c = running(scene, "{}");
    const char *missing[] = {"/no/such/program", NULL};
    const char *folder[] = {"/etc", NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), status = -1;
    ExecOptions options = {.in = null, .out = null, .err = null};
    g_autoptr(GError) error = NULL;

    scene_must(scene, c);
    cr_expect_eq(scene_run(scene, c, "exit 200", NULL), 200);
    cr_expect_eq(scene_run(scene, c, "kill -TERM $$", NULL), 128 + SIGTERM);
    cr_assert(instance_exec(scene->host, c, missing, &options, &status, &error));
    cr_expect_eq(status, 127);
    cr_assert(instance_exec(scene->host, c, folder, &options, &status, &error));
    cr_expect_eq(status, 126);
    c = scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}");
    scene_must(scene, c);
    cr_expect_not(instance_exec(scene->host, c, missing, &options, &status, &error));
    cr_expect(g_error_matches(error, BERTH_ERROR, ERR_INVALID), "%s", error->message);
    close(null);
}

/* An exec does not run outside: it has the container's groups, ids and namespaces. */
Test(exec_wait, exec_is_inside)
{
    SCENE();
    const Object *c = running(scene, "{}");
    g_autofree char *text = NULL;

    scene_must(scene, c);
    scene_run(
        scene, c,
        "for n in cgroup ipc mnt net pid user uts; do test \"$(readlink /proc/self/ns/$n)\" = "
        "\"$(readlink /proc/1/ns/$n)\" || echo $n differs; done; grep -c /../ /proc/self/cgroup; "
        "ls /proc/self/fd",
        &text);
    cr_expect_eq(strncmp(text, "0\n0\n1\n2\n", 8), 0, "%s", text);
}
