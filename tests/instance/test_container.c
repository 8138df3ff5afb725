/* What a running container is, seen from inside: its ids, rights, devices, environment and limits.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "scene.h"

TestSuite(container, .timeout = 60);

Test(container, unprivileged)
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

Test(container, raw_idmap)
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

Test(container, isolated)
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

/* I-145: a range where somebody wants it; I-151: the files on disk keep their owners all the same.
 */
Test(container, ids_at_a_base)
{
    SCENE();
    const Object *c =
        running(scene, "{'security.idmap.isolated': 'true', 'security.idmap.base': '1700000', "
                       "'security.protection.shift': 'true'}");
    g_autofree char *init =
        g_strdup_printf("%s/storage-pools/p/containers/c1/rootfs/sbin/init", scene->dir);
    g_autofree char *text = NULL;
    struct stat status;

    scene_must(scene, c);
    scene_run(
        scene, c,
        "cat /proc/1/uid_map | while read a b c; do echo $a $b $c; done; stat -c %u /sbin/init",
        &text);
    cr_expect_str_eq(text, "0 1700000 65536\n0");
    cr_assert(stat(init, &status) == 0);
    cr_expect_eq(status.st_uid, 0);
}

Test(container, privileged)
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
Test(container, nesting)
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

Test(container, devices_that_are_always_there)
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

Test(container, environment)
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

Test(container, kernel_limits)
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
Test(container, raw_lxc)
{
    SCENE();
    const Object *c = running(
        scene, "{'raw.lxc': '# a remark\\nlxc.uts.name = other\\nlxc.init.cmd = /bin/sleep 1000'}");
    g_autofree char *text = NULL;

    scene_must(scene, c);
    scene_run(scene, c, "hostname; cat /proc/1/cmdline", &text);
    has_text(text, "other\n/bin/sleep");
}
