/* Starting, stopping and what happens to a container without berth, on the real host. */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "instance/instance.h"
#include "instance/record.h"
#include "scene.h"

TestSuite(run, .timeout = 60);

/* A fingerprint that must come back, with what was created on disk in between. */
static void same_fingerprint(Scene *scene, const char *before)
{
    g_autofree char *after = scene_fingerprint(scene);

    cr_assert_str_eq(after, before);
}

Test(run, start_and_stop)
{
    SCENE();
    const Object *c = running(scene, "{}");
    g_autofree char *text = NULL;

    scene_must(scene, c);
    cr_assert(scene_init(scene, "c1") > 0);
    cr_expect_eq(scene_run(scene, c, "exit 7", NULL), 7);
    cr_expect_eq(scene_run(scene, c, "id -u; hostname", &text), 0);
    cr_expect_str_eq(text, "0\nc1");
    c = scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}");
    scene_must(scene, c);
    cr_expect_eq(scene_init(scene, "c1"), 0);
}

/* LAW-2, LAW-3: twice is once, and a removed instance has never been there. */
Test(run, nothing_is_left)
{
    SCENE();
    g_autofree char *before = NULL;
    const Object *c;

    /* Folders that all instances share are not an instance's. */
    scene_must(scene, running(scene, "{}"));
    scene_remove(scene, scene_get(scene, "c1"));
    before = scene_fingerprint(scene);
    c = running(scene, "{}");
    scene_must(scene, c);
    scene_must(scene, c);
    cr_expect_eq(scene->done->len, 0, "the second apply has steps");
    scene_remove(scene, c);
    same_fingerprint(scene, before);
}

/* EN-07: without a declared state it stays as it is. */
Test(run, state_is_followed)
{
    SCENE();
    const Object *c = scene_instance(scene, "c1", "{}", "{}", "{}");
    pid_t init;

    scene_must(scene, c);
    cr_expect_eq(scene_init(scene, "c1"), 0);
    scene_must(scene, running(scene, "{}"));
    init = scene_init(scene, "c1");
    c = scene_instance(scene, "c1", "{}", "{}", "{}");
    scene_must(scene, c);
    cr_expect_eq(scene_init(scene, "c1"), init);
}

Test(run, frozen)
{
    SCENE();
    const Object *c = scene_instance(scene, "c1", "{}", "{}", "{'state': 'frozen'}");
    g_autoptr(GError) error = NULL;
    g_autofree char *state = NULL;
    pid_t init;

    scene_must(scene, c);
    init = scene_init(scene, "c1");
    c = running(scene, "{}");
    scene_must(scene, c);
    cr_expect_eq(scene_init(scene, "c1"), init, "thawing is no restart");
    cr_assert(scene_undo(scene, &error));
    cr_expect(scene_wait_state(scene, c, "frozen"));
    /* A frozen container stops, too. */
    c = scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}");
    scene_must(scene, c);
}

/* A change of what only a start can set is a restart, and undoing that brings the old one back. */
Test(run, restart)
{
    SCENE();
    const Object *c = running(scene, "{'linux.sysctl.net.ipv4.ip_forward': '1'}");
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    pid_t init;

    scene_must(scene, c);
    init = scene_init(scene, "c1");
    scene_run(scene, c, "cat /proc/sys/net/ipv4/ip_forward", &text);
    cr_expect_str_eq(text, "1");
    c = running(scene, "{'linux.sysctl.net.ipv4.ip_forward': '0'}");
    scene_must(scene, c);
    cr_expect_neq(scene_init(scene, "c1"), init);
    cr_assert(scene_undo(scene, &error), "%s", error != NULL ? error->message : "");
    g_clear_pointer(&text, g_free);
    scene_run(scene, c, "cat /proc/sys/net/ipv4/ip_forward", &text);
    cr_expect_str_eq(text, "1");
}

static void starts_not(Scene *scene, const Object *c, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *before = NULL;
    const Object *stopped;

    stopped = scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}");
    scene_must(scene, stopped);
    scene_remove(scene, stopped);
    before = scene_fingerprint(scene);
    if (scene_apply(scene, c, &error))
        cr_assert(scene_wait_state(scene, c, NULL)); /* it ended right after it had started */
    else
        has_text(error->message, part);
    cr_assert(scene_undo(scene, &error));
    scene_remove(scene, c);
    same_fingerprint(scene, before);
}

Test(run, failing_start_leaves_nothing_sysctl)
{
    SCENE();
    starts_not(scene, running(scene, "{'linux.sysctl.no.such.key': '1'}"), "liblxc");
}

Test(run, failing_start_leaves_nothing_init)
{
    SCENE();
    starts_not(scene, running(scene, "{'raw.lxc': 'lxc.init.cmd = /no/such/init'}"), "start");
}

Test(run, failing_start_leaves_nothing_init_ends)
{
    SCENE();
    starts_not(scene, running(scene, "{'raw.lxc': 'lxc.init.cmd = /bin/true'}"), "init");
}

Test(run, failing_start_leaves_nothing_parent)
{
    SCENE();
    starts_not(scene,
               scene_instance(scene, "c1", "{}",
                              "{'eth0': {'type': 'nic', 'nictype': 'bridged', 'parent': 'nobr0'}}",
                              "{'state': 'running'}"),
               "device eth0: parent \"nobr0\" does not exist");
}

Test(run, failing_start_leaves_nothing_source)
{
    SCENE();
    starts_not(scene,
               scene_instance(scene, "c1", "{}",
                              "{'d': {'type': 'disk', 'source': '/no/such', 'path': '/mnt'}}",
                              "{'state': 'running'}"),
               "device d: source /no/such");
}

/* ---- without berth ---- */

static void is_over(Scene *scene, const Object *c)
{
    g_autofree char *after = NULL;
    g_autofree char *group = NULL;

    cr_assert(scene_wait_state(scene, c, NULL));
    for (int i = 0; i < 300; i++) {
        g_clear_pointer(&after, g_free);
        after = scene_fingerprint(scene);
        if (strstr(after, "group: ") == NULL && strstr(after, "process: ") == NULL)
            break;
        g_usleep(10000);
    }
    cr_expect(strstr(after, "group: ") == NULL, "%s", after);
    cr_expect(strstr(after, "process: ") == NULL, "%s", after);
    cr_expect(strstr(after, " veth ") == NULL, "%s", after);
}

/* What is said of the last run that ended without berth; `number` is the value of `key`. */
static void fact_is(Scene *scene, const char *what, const char *key, int number)
{
    g_autofree char *path = g_strdup_printf("%s/facts/instance.c1.json", scene->dir);
    g_autoptr(json_t) fact = json_load_file(path, 0, NULL);
    g_autofree char *text = fact != NULL ? json_text(fact) : g_strdup("no fact");

    cr_assert_str_eq(json_member_string(fact, "what"), what, "%s", text);
    cr_expect(json_object_get(fact, "key") != NULL && json_object_get(fact, "init") != NULL);
    cr_expect(key == NULL || json_integer_value(json_object_get(fact, key)) == number, "%s", text);
    cr_expect(key != NULL || (json_object_get(fact, "signal") == NULL &&
                              json_object_get(fact, "status") == NULL),
              "%s", text);
}

#define P2P "{'eth0': {'type': 'nic', 'nictype': 'p2p'}}"

Test(run, inner_poweroff)
{
    SCENE();
    const Object *c = scene_instance(scene, "c1", "{}", P2P, "{}");

    scene_must(scene, scene_instance(scene, "c1", "{}", P2P, "{'state': 'running'}"));
    scene_run(scene, c, "poweroff -f", NULL);
    is_over(scene, c);
    fact_is(scene, "stopped", NULL, 0);
    scene_must(scene, scene_instance(scene, "c1", "{}", P2P, "{'state': 'running'}"));
}

Test(run, crash_of_init)
{
    SCENE();
    const Object *c = scene_instance(scene, "c1", "{}", P2P, "{}");

    scene_must(scene, scene_instance(scene, "c1", "{}", P2P, "{'state': 'running'}"));
    kill(scene_init(scene, "c1"), SIGKILL);
    is_over(scene, c);
    fact_is(scene, "crashed", "signal", SIGKILL);
}

Test(run, init_exits)
{
    SCENE();
    static const char script[] = "#!/bin/sh\nsleep 1\nexit $(cat /code)\n";
    const Object *c = scene_instance(scene, "c1", "{}", P2P, "{}");
    g_autofree char *root = g_strdup_printf("%s/storage-pools/p/containers/c1/rootfs", scene->dir);
    g_autofree char *init = g_build_filename(root, "sbin", "init", NULL);
    g_autofree char *code = g_build_filename(root, "code", NULL);

    scene_must(scene, c);
    cr_assert(unlink(init) == 0 && g_file_set_contents(init, script, -1, NULL));
    cr_assert(chmod(init, 0755) == 0 && g_file_set_contents(code, "3", -1, NULL));
    cr_assert(chmod(code, 0644) == 0);
    scene_must(scene, scene_instance(scene, "c1", "{}", P2P, "{'state': 'running'}"));
    scene_instance(scene, "c1", "{}", P2P, "{}");
    is_over(scene, c);
    fact_is(scene, "crashed", "status", 3);
    cr_assert(g_file_set_contents(code, "0", -1, NULL) && chmod(code, 0644) == 0);
    scene_must(scene, scene_instance(scene, "c1", "{}", P2P, "{'state': 'running'}"));
    scene_instance(scene, "c1", "{}", P2P, "{}");
    is_over(scene, c);
    fact_is(scene, "stopped", NULL, 0);
}

/* What berth does itself is no news. */
Test(run, our_own_stop)
{
    SCENE();
    g_autofree char *fact = g_strdup_printf("%s/facts/instance.c1.json", scene->dir);
    g_autofree char *path = g_strdup_printf("%s/run/c1.last", scene->dir);
    g_autoptr(json_t) last = NULL;

    scene_must(scene, running(scene, "{}"));
    scene_must(scene, scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}"));
    last = json_load_file(path, 0, NULL);
    cr_expect(json_is_true(json_object_get(last, "stopping")));
    cr_expect_not(g_file_test(fact, G_FILE_TEST_EXISTS));
}

static void wait_end(Scene *scene)
{
    for (int i = 0; i < 1000 && scene_init(scene, "c1") > 0; i++)
        g_usleep(5000);
}

/* Nobody is left who could sweep: the next look tells, the next apply does it. */
Test(run, kill_of_monitor)
{
    SCENE();
    const Object *c = scene_instance(scene, "c1", "{}", P2P, "{'state': 'running'}");
    g_autoptr(json_t) record = NULL;
    g_autoptr(json_t) observed = NULL;
    pid_t monitor;

    scene_must(scene, c);
    record = record_read(scene->dir, "c1", NULL);
    monitor = (pid_t)json_integer_value(json_array_get(json_object_get(record, "monitor"), 0));
    cr_assert(kill(monitor, SIGKILL) == 0);
    wait_end(scene);
    observed = scene_observe(scene, c);
    cr_expect(json_object_get(observed, "running") == NULL);
    cr_expect(json_object_get(observed, "stale") != NULL);
    c = scene_instance(scene, "c1", "{}", P2P, "{}");
    scene_must(scene, c);
    is_over(scene, c);
    fact_is(scene, "lost", NULL, 0);
    c = scene_instance(scene, "c1", "{}", P2P, "{'state': 'running'}");
    scene_must(scene, c);
    g_clear_pointer(&record, json_decref);
    record = record_read(scene->dir, "c1", NULL);
    cr_expect(record != NULL, "a new run has a record");
}

Test(run, kill_of_monitor_then_start)
{
    SCENE();
    const Object *c = scene_instance(scene, "c1", "{}", P2P, "{'state': 'running'}");
    g_autoptr(json_t) record = NULL;

    scene_must(scene, c);
    record = record_read(scene->dir, "c1", NULL);
    kill((pid_t)json_integer_value(json_array_get(json_object_get(record, "monitor"), 0)), SIGKILL);
    wait_end(scene);
    scene_must(scene, c);
    c = scene_instance(scene, "c1", "{}", P2P, "{'state': 'stopped'}");
    scene_must(scene, c);
    is_over(scene, c);
}

/* DESIGN 5: a reboot from inside ends with the container running, with its newest config. */
Test(run, inner_reboot)
{
    SCENE();
    const Object *c =
        scene_instance(scene, "c1", "{'environment.A': '1'}", P2P, "{'state': 'running'}");
    g_autofree char *text = NULL;
    pid_t init, now = 0;

    scene_must(scene, c);
    init = scene_init(scene, "c1");
    /* In force at the next start only: PID 1's environment. */
    c = scene_instance(scene, "c1", "{'environment.A': '2'}", P2P, "{'state': 'running'}");
    scene_must(scene, c);
    cr_assert_eq(scene_init(scene, "c1"), init);
    scene_run(scene, c, "reboot -f", NULL);
    for (int i = 0; i < 1000 && (now == 0 || now == init); i++) {
        g_usleep(10000);
        now = scene_init(scene, "c1");
    }
    cr_assert(now > 0 && now != init, "it does not come up again");
    for (int i = 0; i < 500 && !scene_is_converged(scene, c); i++)
        g_usleep(10000);
    cr_assert(scene_is_converged(scene, c));
    fact_is(scene, "rebooted", NULL, 0);
    scene_run(scene, c, "cat /proc/1/environ", &text);
    has_text(text, "A=2");
    c = scene_instance(scene, "c1", "{}", P2P, "{'state': 'stopped'}");
    scene_must(scene, c);
    is_over(scene, c);
}

/* A signal that init ignores ends in a kill when the time is over. */
Test(run, deadline)
{
    SCENE();
    static const char config[] =
        "{'raw.lxc': 'lxc.init.cmd = /bin/sleep 1000', 'boot.host_shutdown_timeout': '1'}";
    const Object *c = running(scene, config);
    gint64 began;

    scene_must(scene, c);
    began = g_get_monotonic_time();
    c = scene_instance(scene, "c1", config, "{}", "{'state': 'stopped'}");
    scene_must(scene, c);
    cr_expect_lt(g_get_monotonic_time() - began, 4 * G_USEC_PER_SEC);
}

/* An init that takes note of the signal and stays has that long, and no longer (I-105). */
Test(run, time_to_stop)
{
    SCENE();
    static const char script[] = "#!/bin/sh\ntrap 'echo heard' PWR\nwhile true; do sleep 1; done\n";
    static const char config[] = "{'boot.host_shutdown_timeout': '3'}";
    g_autofree char *root = g_strdup_printf("%s/storage-pools/p/containers/c1/rootfs", scene->dir);
    g_autofree char *init = g_build_filename(root, "sbin", "init", NULL);
    gint64 began, took;

    scene_must(scene, scene_instance(scene, "c1", config, "{}", "{'state': 'stopped'}"));
    cr_assert(unlink(init) == 0 && g_file_set_contents(init, script, -1, NULL));
    cr_assert(chmod(init, 0755) == 0);
    scene_must(scene, running(scene, config));
    began = g_get_monotonic_time();
    scene_must(scene, scene_instance(scene, "c1", config, "{}", "{'state': 'stopped'}"));
    took = g_get_monotonic_time() - began;
    cr_expect(took >= 3 * G_USEC_PER_SEC && took < 10 * G_USEC_PER_SEC, "%" G_GINT64_FORMAT, took);
}

Test(run, clean_stop_is_quick)
{
    SCENE();
    const Object *c = running(scene, "{}");
    gint64 began;

    scene_must(scene, c);
    began = g_get_monotonic_time();
    c = scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}");
    scene_must(scene, c);
    cr_expect_lt(g_get_monotonic_time() - began, 2 * G_USEC_PER_SEC);
}

Test(run, raw_lxc_wrong_key)
{
    SCENE();
    starts_not(scene, running(scene, "{'raw.lxc': 'lxc.no.such.key = 1'}"), "lxc.no.such.key");
}

Test(run, console_log)
{
    SCENE();
    const Object *c = running(scene, "{}");
    g_autofree char *path = g_strdup_printf("%s/logs/c1/console.log", scene->dir);
    g_autofree char *text = NULL;

    scene_must(scene, c);
    for (int i = 0; i < 200 && (text == NULL || *text == '\0'); i++) {
        g_usleep(10000);
        g_clear_pointer(&text, g_free);
        g_file_get_contents(path, &text, NULL, NULL);
    }
    has_text(text, "started");
}

/* DESIGN 4: what somebody does without us is seen. */
Test(run, drift)
{
    SCENE();
    const Object *c = running(scene, "{'limits.processes': '100'}");
    g_autofree char *link = g_strdup_printf("%s/containers/c1", scene->dir);

    scene_must(scene, c);
    unlink(link);
    cr_expect_not(scene_is_converged(scene, c));
    scene_must(scene, c);
}

/* ---- crash ---- */

static Step running_step(const Object *c, json_t *from)
{
    return (Step){.name = (char *)"instance.running",
                  .key = c->key,
                  .path = (char *)"running",
                  .from = from,
                  .tx = (char *)"t1"};
}

static const FactRow *running_row(void)
{
    const FactRow *row = INSTANCE_DRIVER.rows;

    while (strcmp(row->path, "running") != 0)
        row++;
    return row;
}

/* LAW-4: whoever starts a container is killed at any moment; undoing the start leaves nothing,
 * whatever had happened. */
Test(run, killed_while_starting)
{
    SCENE();
    const Object *c = scene_instance(scene, "c1", "{}", P2P, "{'state': 'stopped'}");

    scene_must(scene, c);
    c = scene_instance(scene, "c1", "{}", P2P, "{'state': 'running'}");
    for (guint ms = 1; ms < 120; ms += 9) {
        g_autoptr(json_t) expected = scene_expect(scene, c, NULL);
        g_autofree char *left = NULL;
        g_autoptr(GError) error = NULL;
        Step step = running_step(c, json_object_get(expected, "running"));
        pid_t child = fork();

        if (child == 0) {
            scene_apply(scene, c, NULL);
            _exit(0);
        }
        g_usleep(ms * 1000);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        cr_assert(running_row()->ensure(scene->host, &step, &error), "%s",
                  error != NULL ? error->message : "");
        left = scene_fingerprint(scene);
        cr_assert(strstr(left, "group: ") == NULL && strstr(left, "process: ") == NULL &&
                      strstr(left, " veth ") == NULL,
                  "after %u ms: %s", ms, left);
    }
}
