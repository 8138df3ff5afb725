/* CPUs of running containers that want a count of them, on the real host (I-302..306). */
#include <criterion/criterion.h>

#include <stdio.h>

#include "instance/cgroup.h"
#include "instance/cpus.h"
#include "instance/host_look.h"
#include "scene.h"

TestSuite(balance, .timeout = 60);

#define SCENE_OF_TWO()                                                                             \
    SCENE();                                                                                       \
    if (cpus_online() < 2)                                                                         \
    cr_skip_test("one CPU only")

static guint cpus_online(void)
{
    g_autofree char *online = host_cpus();
    g_autoptr(GArray) cpus = cpus_parse(online, NULL);

    return cpus->len;
}

static const Object *run_one(Scene *scene, const char *name, const char *config)
{
    const Object *object = scene_instance(scene, name, config, "{}", "{'state': 'running'}");

    scene_must(scene, object);
    return object;
}

static void stopped(Scene *scene, const char *name)
{
    scene_must(scene, scene_instance(scene, name, "{}", "{}", "{'state': 'stopped'}"));
}

/* What a process inside may use, as it sees it (I-308). */
static char *seen(Scene *scene, const char *name)
{
    g_autofree char *text = NULL;

    scene_run(scene, scene_get(scene, name), "grep Cpus_allowed_list /proc/1/status", &text);
    return g_strdup(strchr(text, '\t') + 1);
}

/* The most and the least used CPU differ by one at most. */
static void is_even(Scene *scene, const char *const *names)
{
    g_autofree guint *load = g_new0(guint, CPU_MAX + 1);
    g_autofree char *online = host_cpus();
    g_autoptr(GArray) cpus = cpus_parse(online, NULL);
    guint most = 0, least = G_MAXUINT;

    for (; *names != NULL; names++) {
        g_autofree char *text = seen(scene, *names);
        g_autoptr(GArray) set = cpus_parse(text, NULL);

        cr_assert_eq(set->len, 1, "%s has %s", *names, text);
        load[g_array_index(set, guint, 0)]++;
        cr_expect(scene_is_converged(scene, scene_get(scene, *names)), "%s", *names);
    }
    for (guint i = 0; i < cpus->len; i++) {
        most = MAX(most, load[g_array_index(cpus, guint, i)]);
        least = MIN(least, load[g_array_index(cpus, guint, i)]);
    }
    cr_expect_leq(most - least, 1);
}

static gboolean sets_are_kept(Scene *scene)
{
    g_autofree char *path = g_strdup_printf("%s/run/.cpus.json", scene->dir);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}

#define ONE "{'limits.cpu': '1'}"

/* I-305, I-306: as many users everywhere, whoever comes and goes; others stay where they are as
 * long as that is even. */
Test(balance, start_and_stop)
{
    SCENE_OF_TWO();
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    run_one(scene, "a", ONE);
    run_one(scene, "b", ONE);
    run_one(scene, "c", ONE);
    run_one(scene, "d", ONE);
    is_even(scene, (const char *const[]){"a", "b", "c", "d", NULL});
    before = seen(scene, "b");
    stopped(scene, "a");
    is_even(scene, (const char *const[]){"b", "c", "d", NULL});
    after = seen(scene, "b");
    cr_expect_str_eq(after, before, "it need not move");
    /* The two that are left may have shared one: then one of them moves. */
    stopped(scene, "b");
    stopped(scene, "d");
    is_even(scene, (const char *const[]){"c", NULL});
    cr_expect(sets_are_kept(scene));
    stopped(scene, "c");
    cr_expect_not(sets_are_kept(scene));
}

/* Waits until they do, at most 5 s. */
static gboolean differ(Scene *scene, const char *a, const char *b)
{
    for (guint i = 0; i < 100; i++) {
        g_autofree char *first = seen(scene, a);
        g_autofree char *second = seen(scene, b);

        if (!g_str_equal(first, second))
            return TRUE;
        g_usleep(50000);
    }
    return FALSE;
}

/* Without berth: the hook of the one that ends moves the others. */
Test(balance, inner_poweroff)
{
    SCENE_OF_TWO();
    run_one(scene, "a", ONE);
    run_one(scene, "b", ONE);
    run_one(scene, "pin", "{'limits.cpu': '0-0'}");
    scene_run(scene, scene_get(scene, "pin"), "poweroff -f", NULL);
    scene_instance(scene, "pin", "{'limits.cpu': '0-0'}", "{}", "{}");
    cr_assert(scene_wait_state(scene, scene_get(scene, "pin"), NULL));
    cr_assert(differ(scene, "a", "b"), "both stay where they made room");
    is_even(scene, (const char *const[]){"a", "b", NULL});
}

/* Pinned ones are there first. */
Test(balance, pinned)
{
    SCENE_OF_TWO();
    g_autofree char *set = NULL;
    g_autofree char *free_again = NULL;

    run_one(scene, "a", ONE);
    set = seen(scene, "a");
    cr_expect_str_eq(set, "0");
    run_one(scene, "pin", "{'limits.cpu': '0-0'}");
    g_clear_pointer(&set, g_free);
    set = seen(scene, "a");
    cr_expect_str_eq(set, "1", "it makes room");
    cr_expect(scene_is_converged(scene, scene_get(scene, "a")));
    run_one(scene, "pin", "{'limits.cpu': '1-1'}");
    free_again = seen(scene, "a");
    cr_expect_str_eq(free_again, "0", "it follows a change");
}

/* A change of limits.cpu is live, and its undo as well. */
Test(balance, change)
{
    SCENE_OF_TWO();
    g_autoptr(GError) error = NULL;
    g_autofree char *online = host_cpus();
    g_autofree char *all = NULL;
    pid_t init;

    run_one(scene, "a", ONE);
    init = scene_init(scene, "a");
    run_one(scene, "b", ONE);
    run_one(scene, "a", "{}");
    all = seen(scene, "a");
    cr_expect_str_eq(all, online);
    is_even(scene, (const char *const[]){"b", NULL});
    cr_assert(scene_undo(scene, &error));
    scene_instance(scene, "a", ONE, "{}", "{'state': 'running'}");
    is_even(scene, (const char *const[]){"a", "b", NULL});
    cr_expect_eq(scene_init(scene, "a"), init);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    cr_assert(file != NULL && fputs(text, file) >= 0);
    cr_assert(fclose(file) == 0, "%s", path);
}

/* What somebody writes behind our back is drift, and so are CPUs that came since (I-305). */
Test(balance, drift)
{
    SCENE_OF_TWO();
    const Object *a = run_one(scene, "a", ONE);
    g_autofree char *name = cgroup_name(scene->dir, "a", "");
    g_autoptr(Groups) groups = groups_of(scene_init(scene, "a"), name, NULL);
    g_autofree char *path =
        g_build_filename(groups_path(groups, "cpuset", NULL), "cpuset.cpus", NULL);
    g_autofree char *sets = g_strdup_printf("%s/run/.cpus.json", scene->dir);
    g_autofree char *set = NULL;

    write_file(path, "1");
    cr_expect_not(scene_is_converged(scene, a));
    scene_must(scene, a);
    set = seen(scene, "a");
    cr_expect_str_eq(set, "0");
    write_file(sets, "{\"of\": \"0\", \"sets\": {\"a\": \"0\"}}");
    cr_expect_not(scene_is_converged(scene, a));
    scene_must(scene, a);
}
