/* Limits of running containers, in the control groups of the real host (I-112..127, I-300..329). */
#include <criterion/criterion.h>

#include "instance/cgroup.h"
#include "instance/cpus.h"
#include "instance/host_look.h"
#include "scene.h"

TestSuite(limits, .timeout = 60);

static gboolean is_v1(Scene *scene, const char *controller)
{
    g_autoptr(json_t) layout = cgroup_layout(NULL);

    return g_strcmp0(json_member_string(layout, controller), "v1") == 0;
}

/* Either layout's file and value. */
static void is(Scene *scene, const char *controller, const char *v1_file, const char *v1,
               const char *v2_file, const char *v2)
{
    gboolean first = is_v1(scene, controller);
    g_autofree char *text = scene_cgroup(scene, "c1", controller, first ? v1_file : v2_file);

    cr_expect_str_eq(text, first ? v1 : v2, "%s: %s, not %s", first ? v1_file : v2_file, text,
                     first ? v1 : v2);
}

#define NONE "9223372036854771712"

/* At start, live up and down, taken away, undone: each time the kernel has what is asked. */
Test(limits, memory)
{
    SCENE();
    g_autoptr(GError) error = NULL;
    pid_t init;

    scene_must(scene, running(scene, "{'limits.memory': '64MiB'}"));
    init = scene_init(scene, "c1");
    is(scene, "memory", "memory.limit_in_bytes", "67108864", "memory.max", "67108864");
    is(scene, "memory", "memory.soft_limit_in_bytes", "60395520", "memory.low", "60395520");
    scene_must(scene, running(scene, "{'limits.memory': '256MiB'}"));
    is(scene, "memory", "memory.limit_in_bytes", "268435456", "memory.max", "268435456");
    scene_must(scene, running(scene, "{'limits.memory': '32MiB'}"));
    is(scene, "memory", "memory.limit_in_bytes", "33554432", "memory.max", "33554432");
    scene_must(scene,
               running(scene, "{'limits.memory': '32MiB', 'limits.memory.enforce': 'soft'}"));
    is(scene, "memory", "memory.limit_in_bytes", NONE, "memory.max", "max");
    is(scene, "memory", "memory.soft_limit_in_bytes", "33554432", "memory.low", "33554432");
    scene_must(scene, running(scene, "{}"));
    is(scene, "memory", "memory.limit_in_bytes", NONE, "memory.max", "max");
    is(scene, "memory", "memory.soft_limit_in_bytes", NONE, "memory.low", "0");
    cr_assert(scene_undo(scene, &error));
    is(scene, "memory", "memory.soft_limit_in_bytes", "33554432", "memory.low", "33554432");
    cr_expect_eq(scene_init(scene, "c1"), init, "limits are live");
}

Test(limits, swap)
{
    SCENE();
    g_autoptr(json_t) layout = cgroup_layout(NULL);

    if (json_object_get(layout, "memory.swap") == NULL)
        cr_skip_test("the kernel does not account swap");
    scene_must(scene, running(scene, "{'limits.memory': '64MiB'}"));
    is(scene, "memory", "memory.memsw.limit_in_bytes", "67108864", "memory.swap.max", "0");
    scene_must(scene, running(scene, "{'limits.memory': '128MiB'}"));
    is(scene, "memory", "memory.memsw.limit_in_bytes", "134217728", "memory.swap.max", "0");
    scene_must(scene, running(scene, "{'limits.memory': '128MiB', 'limits.memory.swap': 'false'}"));
    is(scene, "memory", "memory.memsw.limit_in_bytes", NONE, "memory.swap.max", "max");
    if (is_v1(scene, "memory")) {
        is(scene, "memory", "memory.swappiness", "0", NULL, NULL);
        scene_must(
            scene,
            running(scene, "{'limits.memory': '128MiB', 'limits.memory.swap.priority': '3'}"));
        is(scene, "memory", "memory.swappiness", "67", NULL, NULL);
    }
    scene_must(scene, running(scene, "{}"));
    is(scene, "memory", "memory.memsw.limit_in_bytes", NONE, "memory.swap.max", "max");
}

/* I-323: what the kernel refuses leaves the old limit. */
Test(limits, shrink_below_use)
{
    SCENE();
    g_autoptr(GError) error = NULL;
    const Object *c = running(scene, "{'limits.memory': '256MiB', 'limits.memory.swap': 'false'}");

    scene_must(scene, c);
    /* Locked in memory: files of a tmpfs without swap cannot be reclaimed. */
    if (scene_run(
            scene, c,
            "mount -t tmpfs none /mnt && dd if=/dev/zero of=/mnt/x bs=1M count=100 2>/dev/null",
            NULL) != 0)
        cr_skip_test("no tmpfs inside");
    c = running(
        scene,
        "{'limits.memory': '16MiB', 'limits.memory.swap': 'false', 'limits.processes': '50'}");
    if (is_v1(scene, "memory")) {
        cr_expect_not(scene_apply(scene, c, &error));
        is(scene, "memory", "memory.limit_in_bytes", "268435456", "memory.max", "268435456");
    }
}

Test(limits, cpu_allowance)
{
    SCENE();

    scene_must(scene, running(scene, "{'limits.cpu.allowance': '50%'}"));
    is(scene, "cpu", "cpu.shares", "512", "cpu.weight", "50");
    scene_must(scene, running(scene, "{'limits.cpu.allowance': '20ms/50ms'}"));
    is(scene, "cpu", "cpu.cfs_quota_us", "20000", "cpu.max", "20000 50000");
    is(scene, "cpu", "cpu.cfs_period_us", "50000", "cpu.max", "20000 50000");
    is(scene, "cpu", "cpu.shares", "1024", "cpu.weight", "100");
    scene_must(
        scene,
        running(scene, "{'limits.cpu.allowance': '100ms/50ms', 'limits.cpu.priority': '0'}"));
    is(scene, "cpu", "cpu.cfs_quota_us", "100000", "cpu.max", "100000 50000");
    is(scene, "cpu", "cpu.shares", "1014", "cpu.weight", "90");
    scene_must(scene, running(scene, "{'limits.cpu.allowance': '33%'}"));
    is(scene, "cpu", "cpu.cfs_quota_us", "-1", "cpu.max", "max 100000");
    is(scene, "cpu", "cpu.cfs_period_us", "100000", "cpu.max", "max 100000");
    is(scene, "cpu", "cpu.shares", "337", "cpu.weight", "33");
    scene_must(scene, running(scene, "{}"));
    is(scene, "cpu", "cpu.shares", "1024", "cpu.weight", "100");
}

Test(limits, processes)
{
    SCENE();
    const Object *c = running(scene, "{'limits.processes': '20'}");

    scene_must(scene, c);
    is(scene, "pids", "pids.max", "20", "pids.max", "20");
    cr_expect_neq(scene_run(scene, c,
                            "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do "
                            "sleep 2 & done 2>/dev/null",
                            NULL),
                  0);
    scene_must(scene, running(scene, "{}"));
    is(scene, "pids", "pids.max", "max", "pids.max", "max");
}

Test(limits, cpu_sets)
{
    SCENE();
    g_autofree char *online = host_cpus();
    g_autoptr(GArray) cpus = cpus_parse(online, NULL);
    const Object *c = running(scene, "{'limits.cpu': '0-0'}");
    g_autofree char *text = NULL;

    if (cpus->len < 2)
        cr_skip_test("one CPU only");
    scene_must(scene, c);
    is(scene, "cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0");
    scene_run(scene, c, "grep Cpus_allowed_list /proc/self/status", &text);
    cr_expect_str_eq(text, "Cpus_allowed_list:\t0");
    scene_must(scene, running(scene, "{'limits.cpu': '1'}"));
    g_clear_pointer(&text, g_free);
    scene_run(scene, c, "grep Cpus_allowed_list /proc/self/status", &text);
    cr_expect(strchr(text, '-') == NULL && strchr(text, ',') == NULL, "%s is one CPU", text);
    scene_must(scene, running(scene, "{}"));
    g_clear_pointer(&text, g_free);
    scene_run(scene, c, "grep Cpus_allowed_list /proc/self/status", &text);
    cr_expect(g_str_has_suffix(text, online), "%s", text);
}

/* What somebody writes behind our back is drift, and is put right live. */
Test(limits, drift)
{
    SCENE();
    const Object *c = running(scene, "{'limits.processes': '100'}");
    g_autofree char *name = cgroup_name(scene->dir, "c1", "");
    g_autoptr(Groups) groups = NULL;
    g_autofree char *path = NULL;

    scene_must(scene, c);
    groups = groups_of(scene_init(scene, "c1"), name, NULL);
    path = g_build_filename(groups_path(groups, "pids", NULL), "pids.max", NULL);
    cr_assert(g_file_test(path, G_FILE_TEST_EXISTS));
    {
        FILE *file = fopen(path, "w");

        fputs("77", file);
        fclose(file);
    }
    cr_expect_not(scene_is_converged(scene, c));
    scene_must(scene, c);
    cr_expect_eq(scene->done->len, 1);
}

/* Whether this kernel counts pages of a size. */
static gboolean counts(Scene *scene, const char *size)
{
    g_autofree char *group = cgroup_name(scene->dir, "c1", "");
    g_autoptr(Groups) groups = groups_of(scene_init(scene, "c1"), group, NULL);
    g_autofree char *file =
        g_strdup_printf("hugetlb.%s.%s", size, is_v1(scene, "hugetlb") ? "limit_in_bytes" : "max");
    g_autofree char *path = g_build_filename(groups_path(groups, "hugetlb", NULL), file, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* Down to whole pages; a size that the kernel does not count is refused by name. */
static void limit_pages(Scene *scene, const char *size, const char *asked, const char *set)
{
    g_autofree char *config = g_strdup_printf("{'limits.hugepages.%s': '%s'}", size, asked);
    g_autofree char *v1 = g_strdup_printf("hugetlb.%s.limit_in_bytes", size);
    g_autofree char *v2 = g_strdup_printf("hugetlb.%s.max", size);
    g_autofree char *none = NULL;
    g_autoptr(GError) error = NULL;

    if (!counts(scene, size)) {
        cr_assert_not(scene_apply(scene, running(scene, config), &error), "%s", size);
        has_text(error->message, size);
        cr_assert(scene_undo(scene, NULL));
        return;
    }
    none = scene_cgroup(scene, "c1", "hugetlb", is_v1(scene, "hugetlb") ? v1 : v2);
    scene_must(scene, running(scene, config));
    is(scene, "hugetlb", v1, set, v2, set);
    scene_must(scene, running(scene, "{}"));
    is(scene, "hugetlb", v1, none, v2, "max");
}

Test(limits, hugepages)
{
    SCENE();
    g_autoptr(json_t) layout = cgroup_layout(NULL);

    if (json_object_get(layout, "hugetlb") == NULL)
        cr_skip_test("no hugetlb controller");
    scene_must(scene, running(scene, "{}"));
    /* limits.hugepages.64KB, limits.hugepages.1MB, limits.hugepages.2MB, limits.hugepages.1GB */
    limit_pages(scene, "64KB", "100KiB", "65536");
    limit_pages(scene, "1MB", "1536KiB", "1048576");
    limit_pages(scene, "2MB", "5MiB", "4194304");
    limit_pages(scene, "1GB", "1536MiB", "1073741824");
}
