/* Freezing a control group in which programs start all the time: the kernel's first freezer (v1)
 * can stay "FREEZING" for seconds where it is asked but once. */
#include <criterion/criterion.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instance/cgroup.h"
#include "instance/cgroup_file.h"

#define NAME "berth-test-freeze"
#define STARTERS 3
#define OTHERS 4
#define ROUNDS 100

/* Its own group of the freezer; NULL where this cannot be. Newly allocated. */
static char *own_group(void)
{
    const GPtrArray *all = cgroup_hierarchies(NULL);
    char *v2 = NULL;

    for (guint i = 0; all != NULL && i < all->len; i++) {
        const Hierarchy *one = all->pdata[i];

        if (g_strv_contains((const char *const *)one->controllers, "freezer"))
            return g_build_filename(one->mount, one->base, NAME, NULL);
        if (one->v2)
            v2 = g_build_filename(one->mount, one->base, NAME, NULL);
    }
    return v2;
}

/* A process that starts programs as shells do, waiting as vfork() does, or one that keeps the
 * machine busy. */
static pid_t make(gboolean starts)
{
    char *const argv[] = {(char *)"/bin/true", NULL};
    pid_t pid = fork(), child;

    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves none */
    while (pid == 0)
        if (starts && posix_spawn(&child, argv[0], NULL, NULL, argv, NULL) == 0)
            waitpid(child, NULL, 0);
    return pid;
}

static gboolean enter(const char *group, pid_t pid, GError **error)
{
    g_autofree char *number = g_strdup_printf("%d", pid);

    return cgroup_write(group, "cgroup.procs", number, error);
}

Test(freeze, while_programs_start, .timeout = 120)
{
    g_autofree char *group = own_group();
    g_autoptr(GError) error = NULL;
    g_autoptr(Groups) groups = NULL;
    pid_t pids[STARTERS + OTHERS];

    if (geteuid() != 0 || group == NULL)
        cr_skip_test("needs root and a freezer");
    cgroup_tree_remove(group, NULL);
    cr_assert_eq(g_mkdir_with_parents(group, 0755), 0);
    for (int i = 0; i < STARTERS + OTHERS; i++) {
        pids[i] = make(i < STARTERS);
        if (i < STARTERS && error == NULL)
            enter(group, pids[i], &error);
    }
    groups = error == NULL ? groups_of(pids[0], NAME, &error) : NULL;
    for (int round = 0; round < ROUNDS && error == NULL; round++) {
        if (groups_freeze(groups, TRUE, &error))
            groups_freeze(groups, FALSE, &error);
        g_usleep(10000);
    }
    cgroup_tree_remove(group, NULL); /* what is frozen does not die */
    for (int i = 0; i < STARTERS + OTHERS; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    cr_expect_null(error, "%s", error != NULL ? error->message : "");
}
