/* Starting, stopping and what happens to a container without berth, on the real host. */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "instance/exec.h"
#include "instance/instance.h"
#include "instance/record.h"
#include "scene.h"

TestSuite(run, .timeout = 60);

#define SCENE()                                                                                    \
    g_autoptr(Scene) scene = scene_new();                                                          \
    if (scene == NULL)                                                                             \
    cr_skip_test("needs root")

static void has_text(const char *text, const char *part)
{
    cr_assert(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

static const Object *running(Scene *scene, const char *config)
{
    return scene_instance(scene, "c1", config, "{}", "{'state': 'running'}");
}

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

/* ---- what a container is ---- */

Test(run, unprivileged)
{
    SCENE();
    const Object *c = running(scene, "{}");
    g_autofree char *path = NULL;
    g_autofree char *map = NULL;
    guint inner, outer, size;

    scene_must(scene, c);
    path = g_strdup_printf("/proc/%d/uid_map", scene_init(scene, "c1"));
    cr_assert(g_file_get_contents(path, &map, NULL, NULL));
    cr_assert_eq(sscanf(map, "%u %u %u", &inner, &outer, &size), 3);
    cr_expect_eq(inner, 0);
    cr_expect_geq(outer, 65536);
    cr_expect_geq(size, 65536);
}

Test(run, raw_idmap)
{
    SCENE();
    const Object *c = running(scene, "{'raw.idmap': 'both 1000 1000\\nuid 50-60 500-510'}");
    g_autofree char *text = NULL;
    g_autofree char *groups = NULL;

    scene_must(scene, c);
    scene_run(scene, c, "cat /proc/1/uid_map | while read a b c; do echo $a $b $c; done", &text);
    scene_run(scene, c, "cat /proc/1/gid_map | while read a b c; do echo $a $b $c; done", &groups);
    has_text(text, "500 50 11\n");
    has_text(text, "\n1000 1000 1\n");
    cr_expect_eq(strncmp(groups, "0 1000000 1000\n1000 1000 1\n1001 1001001 ", 36), 0, "%s",
                 groups);
}

Test(run, isolated)
{
    SCENE();
    const Object *a = scene_instance(scene, "a", "{'security.idmap.isolated': 'true'}", "{}",
                                     "{'state': 'running'}");
    const Object *b;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    scene_must(scene, a);
    b = scene_instance(scene, "b",
                       "{'security.idmap.isolated': 'true', 'security.idmap.size': '70000'}", "{}",
                       "{'state': 'running'}");
    scene_must(scene, b);
    scene_run(scene, a, "cat /proc/1/uid_map | while read a b c; do echo $a $b $c; done", &first);
    scene_run(scene, b, "cat /proc/1/uid_map | while read a b c; do echo $a $b $c; done", &second);
    cr_expect_str_eq(first, "0 1065536 65536");
    cr_expect_str_eq(second, "0 1131072 70000");
}

Test(run, privileged)
{
    SCENE();
    const Object *c = running(scene, "{'security.privileged': 'true'}");
    g_autofree char *text = NULL;

    scene_must(scene, c);
    scene_run(scene, c,
              "cat /proc/1/uid_map | while read a b c; do echo $a $b $c; done; "
              "grep CapBnd /proc/1/status",
              &text);
    has_text(text, "0 0 4294967295");
    /* RT-33: sys_time is capability 25, sys_module 16, sys_rawio 17, mac_* 32 and 33. */
    {
        guint64 mask = g_ascii_strtoull(strstr(text, "CapBnd:") + 8, NULL, 16);

        cr_expect_eq(mask & ((1ull << 25) | (1ull << 16) | (1ull << 17) | (3ull << 32)), 0);
        cr_expect_neq(mask, 0);
    }
    cr_expect_eq(scene_run(scene, c, "mknod /dev/mem2 c 1 1 && ! cat /dev/mem2 2>/dev/null", NULL),
                 0);
    c = running(scene, "{}");
    scene_must(scene, c); /* SEC-24: back again */
}

/* I-148: taken while it runs, in force from the next start on. */
Test(run, nesting)
{
    SCENE();
    const Object *c = running(scene, "{}");
    pid_t init;

    scene_must(scene, c);
    init = scene_init(scene, "c1");
    c = running(scene, "{'security.nesting': 'true'}");
    scene_must(scene, c);
    cr_expect_eq(scene_init(scene, "c1"), init, "it was restarted");
    cr_expect(scene_is_converged(scene, c));
    cr_expect_neq(scene_run(scene, c, "test -e /dev/.lxc/proc", NULL), 0);
    scene_must(scene, scene_instance(scene, "c1", "{'security.nesting': 'true'}", "{}",
                                     "{'state': 'stopped'}"));
    scene_must(scene, c);
    cr_expect_eq(
        scene_run(scene, c, "test -f /dev/.lxc/proc/uptime && test -d /dev/.lxc/sys/class", NULL),
        0);
}

Test(run, devices_that_are_always_there)
{
    SCENE();
    const Object *c = running(scene, "{}");

    scene_must(scene, c);
    cr_expect_eq(
        scene_run(scene, c,
                  "for d in null zero full console tty random urandom net/tun fuse ptmx; do "
                  "test -c /dev/$d || exit 1; done; test -d /dev/mqueue && echo x > /dev/null && "
                  "test -d /sys/class && grep -q '^lo' /proc/net/dev || true",
                  NULL),
        0);
    cr_expect_eq(scene_run(scene, c, "ip -o link show lo up | grep -q lo", NULL), 0,
                 "lo is not up");
}

Test(run, environment)
{
    SCENE();
    const Object *c =
        running(scene, "{'environment.FOO': 'one two', 'environment.LINES': 'a\\nb'}");
    g_autofree char *init = NULL;
    g_autofree char *exec = NULL;

    scene_must(scene, c);
    scene_run(scene, c, "cat /proc/1/environ | while read -d '' l; do echo \"$l;\"; done", &init);
    has_text(init, "container=lxc;");
    has_text(init, "FOO=one two;");
    has_text(init, "LINES=a\nb;");
    c = running(scene, "{'environment.FOO': 'three'}");
    scene_must(scene, c);
    scene_run(scene, c, "echo $FOO", &exec);
    cr_expect_str_eq(exec, "three", "I-111: the next exec has it without a restart");
}

Test(run, kernel_limits)
{
    SCENE();
    const Object *c =
        running(scene, "{'limits.kernel.nofile': '1000:2000', 'limits.kernel.core': '0'}");
    g_autofree char *text = NULL;

    scene_must(scene, c);
    scene_run(scene, c,
              "grep -E 'open files|core file' /proc/1/limits | while read a; do echo $a; done",
              &text);
    has_text(text, "Max open files 1000 2000 files");
    has_text(text, "Max core file size 0 0 bytes");
}

/* I-035, I-140: raw.lxc comes last. */
Test(run, raw_lxc)
{
    SCENE();
    const Object *c = running(
        scene, "{'raw.lxc': '# a remark\\nlxc.uts.name = other\\nlxc.init.cmd = /bin/sleep 1000'}");
    g_autofree char *text = NULL;

    scene_must(scene, c);
    scene_run(scene, c, "hostname; cat /proc/1/cmdline", &text);
    has_text(text, "other\n/bin/sleep");
}

Test(run, raw_lxc_wrong_key)
{
    SCENE();
    starts_not(scene, running(scene, "{'raw.lxc': 'lxc.no.such.key = 1'}"), "lxc.no.such.key");
}

/* RT-35: what the default policy denies is answered as by a kernel without it. */
Test(run, seccomp)
{
    SCENE();
    const Object *c =
        running(scene, "{'security.syscalls.deny': 'mkdirat errno 13\\nmkdir errno 13'}");
    g_autofree char *text = NULL;

    scene_must(scene, c);
    scene_run(scene, c, "mkdir /tmp/x; grep Seccomp: /proc/1/status", &text);
    has_text(text, "Permission denied");
    has_text(text, "2");
}

/* I-156 */
Test(run, deny_compat)
{
    SCENE();
    const Object *c = running(scene, "{}");
    const char *program = getenv("COMPAT");
    g_autofree char *path =
        g_strdup_printf("%s/storage-pools/p/containers/c1/rootfs/bin/compat", scene->dir);
    g_autofree char *text = NULL;
    gsize length;

    scene_must(scene, c);
    cr_assert(program != NULL && g_file_get_contents(program, &text, &length, NULL));
    cr_assert(g_file_set_contents(path, text, (gssize)length, NULL) && chmod(path, 0755) == 0);
    if (scene_run(scene, c, "compat", NULL) != 0)
        cr_skip_test("this kernel has no 32-bit interface");
    c = running(scene, "{'security.syscalls.deny_compat': 'true'}");
    scene_must(scene, c);
    cr_expect_eq(scene_run(scene, c, "compat", NULL), ENOSYS);
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

/* ---- exec ---- */

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

Test(run, exec_with_a_terminal)
{
    SCENE();
    const Object *c = running(scene, "{'environment.GREETING': 'moin'}");
    g_autofree char *text = NULL;

    scene_must(scene, c);
    cr_expect_eq(run_terminal(scene, c, "tty; echo $GREETING $((6*7)); exit 3\n", &text), 3);
    has_text(text, "/dev/pts/");
    has_text(text, "moin 42");
}

Test(run, exec_exit_codes)
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
Test(run, exec_is_inside)
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
