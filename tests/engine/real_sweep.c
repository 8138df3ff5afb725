/* The sweeps on the real host: real pools, bridges, nftables, dnsmasq and containers, in namespaces
 * of this program's own. Every operation of every scenario fails once, and the process is killed
 * once after each. Afterwards the host's fingerprint (tests/lib/fingerprint.py) and the model are
 * what they were before, or what a complete apply makes of them.
 *
 * usage: real-sweep FINGERPRINT_PROGRAM IMAGE_PROGRAM [SCENARIO_NUMBER [EVERY_NTH]] */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "scenarios.h"
#include "spawn.h"
#include "support.h"

#define ROWS_MAX 64

/* Each scenario runs in a process with namespaces of its own, so that what one leaves cannot
 * disturb the next. They count here. */
static struct {
    guint points, failures, kills;
    gboolean swept[ROWS_MAX]; /* by position over all drivers' rows */
    gboolean final[ROWS_MAX]; /* the same, deleting data for good */
} * counts;

static const char *fingerprint_program;

static char *fingerprint(World *world)
{
    const char *argv[] = {"/usr/bin/python3", fingerprint_program, world->dir, NULL};
    g_autofree char *model = world_model(world);
    g_autoptr(GError) error = NULL;
    char *host = NULL;

    if (!spawn_run(argv, NULL, &host, &error))
        g_error("fingerprint: %s", error->message);
    {
        g_autofree char *text = host;

        return g_strdup_printf("%s\n%s", model, text);
    }
}

static gboolean apply_desired(World *world, gpointer data)
{
    return scenario_apply(world, data, NULL);
}

/* Lines that differ, for the report. */
static void print_difference(const char *a, const char *b)
{
    g_auto(GStrv) left = g_strsplit(a, "\n", -1);
    g_auto(GStrv) right = g_strsplit(b, "\n", -1);

    for (char **line = left; *line != NULL; line++) {
        if (!g_strv_contains((const char *const *)right, *line))
            printf("# - %.300s\n", *line);
    }
    if (g_strv_length(left) != g_strv_length(right))
        printf("# %u lines, %u lines\n", g_strv_length(left), g_strv_length(right));
    for (char **line = right; *line != NULL; line++) {
        if (!g_strv_contains((const char *const *)left, *line))
            printf("# + %.300s\n", *line);
    }
}

static void check(gboolean holds, const Scenario *scenario, const char *what, guint n,
                  const char *expected, const char *is)
{
    counts->points++;
    if (holds)
        return;
    counts->failures++;
    printf("# %s: %s %u\n", scenario->name, what, n);
    if (expected != NULL && is != NULL)
        print_difference(expected, is);
}

/* Calls `function` for each row of each driver with its position. */
static void for_each_row(void (*function)(const FactRow *row, guint position, gpointer data),
                         gpointer data)
{
    guint position = 0;

    for (int kind = 0; kind < KIND_MAX; kind++) {
        for (const FactRow *row = DRIVERS[kind] != NULL ? DRIVERS[kind]->rows : NULL;
             row != NULL && row->path != NULL; row++)
            function(row, position++, data);
    }
}

static void mark_row(const FactRow *row, guint position, gpointer data)
{
    const PlanStep *step = data;

    counts->swept[position] = counts->swept[position] || row == step->row;
    counts->final[position] = counts->final[position] || (row == step->row && step->final);
}

static void note_steps(World *world, const Scenario *scenario)
{
    g_autoptr(Plan) plan = scenario_plan(world, scenario, NULL);

    for (guint i = 0; plan != NULL && i < plan->steps->len; i++)
        for_each_row(mark_row, plan->steps->pdata[i]);
}

/* kill -9 of every container's monitor; the kernel then kills the containers, but nobody cleans up
 * after them. */
static void kill_monitors(void)
{
    g_autoptr(GDir) processes = g_dir_open("/proc", 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(processes)) != NULL) {
        g_autofree char *path = g_build_filename("/proc", name, "cmdline", NULL);
        g_autofree char *line = NULL;

        if (g_file_get_contents(path, &line, NULL, NULL) && g_str_has_prefix(line, "[lxc monitor]"))
            kill(atoi(name), SIGKILL);
    }
    g_usleep(500000);
}

static gboolean is_healed(World *world, const Scenario *scenario)
{
    g_autoptr(Plan) plan =
        scenario->accident ? world_plan(world, scenario->desired, NULL, NULL) : NULL;

    return plan != NULL && plan_is_empty(plan);
}

/* One world serves a whole scenario: after each undone apply it is, by what is checked, as it was.
 */
static void run_scenario(const Scenario *scenario, guint every)
{
    g_autoptr(World) world = world_new_real();
    g_autoptr(GError) error = NULL;
    g_autofree char *before = NULL;
    guint n;

    if (*scenario->current != '\0' && !world_apply(world, scenario->current, &error)) {
        check(FALSE, scenario, error->message, 0, NULL, NULL);
        return;
    }
    if (scenario->accident)
        kill_monitors();
    note_steps(world, scenario);
    before = fingerprint(world);
    for (n = 1;; n += every) {
        g_autofree char *after = NULL;
        g_autoptr(GError) failure = NULL;
        gboolean applied, passed;

        world_set_fault(world, FAULT_FAIL, n);
        applied = scenario_apply(world, scenario, &failure);
        world_set_fault(world, FAULT_NONE, 0);
        if (applied)
            break; /* all operations of the apply are behind us; what failed, if anything, was a
                      purge */
        after = fingerprint(world);
        check(failure->code == ERR_ROLLED_BACK && strcmp(before, after) == 0, scenario,
              failure->message, n, before, after);
        if (strcmp(before, after) != 0)
            return;

        world_set_fault(world, FAULT_KILL_AFTER, n);
        if (world_in_child(world, apply_desired, (gpointer)scenario, &passed)) {
            g_autofree char *recovered = NULL;
            g_autoptr(GError) recovery = NULL;

            world_set_fault(world, FAULT_NONE, 0);
            if (!world_reopen(world, &recovery)) {
                check(FALSE, scenario, recovery->message, n, NULL, NULL);
                world->engine = NULL;
                return;
            }
            counts->kills++;
            recovered = fingerprint(world);
            /* Recovery also brings the objects that it touched back to the committed model, after
             * an accident for example. */
            if (is_healed(world, scenario))
                break;
            check(strcmp(before, recovered) == 0, scenario, "killed after operation", n, before,
                  recovered);
            if (strcmp(before, recovered) != 0)
                return;
        } else {
            world_reopen(world, NULL);
            break;
        }
    }
    check(scenario_apply(world, scenario, &error), scenario,
          error != NULL ? error->message : "the complete apply", n, NULL, NULL);
    world_destroy(world, NULL);
}

/* /sys shows the network namespace in which it was mounted: ours needs its own, with the control
 * groups carried over. */
static void show_own_links(void)
{
    g_autofree char *groups = g_mkdtemp(g_strdup("/var/tmp/berth-cgroup-XXXXXX"));

    if (mount("/sys/fs/cgroup", groups, NULL, MS_BIND | MS_REC, NULL) != 0 ||
        mount("sysfs", "/sys", "sysfs", 0, NULL) != 0 ||
        mount(groups, "/sys/fs/cgroup", NULL, MS_BIND | MS_REC, NULL) != 0)
        g_error("cannot mount /sys for the test: %s", g_strerror(errno));
    umount2(groups, MNT_DETACH);
    rmdir(groups);
}

static void run(const char *const *argv)
{
    g_autoptr(GError) error = NULL;

    if (!spawn_run(argv, NULL, NULL, &error))
        g_error("%s", error->message);
}

/* Namespaces of this process's own: PID 1 of them is the caller's grandchild, in which this returns
 * TRUE. */
static gboolean enter_namespaces(int *ret_status)
{
    static const char *const external[] = {"ip",   "link", "add",  "ext0", "type",
                                           "veth", "peer", "name", "ext1", NULL};
    pid_t child = fork();

    if (child > 0) {
        waitpid(child, ret_status, 0);
        return FALSE;
    }
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        g_error("namespaces: %s", g_strerror(errno));
    child = fork();
    if (child > 0) {
        int status;

        waitpid(child, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    mount("proc", "/proc", "proc", 0, NULL);
    show_own_links();
    run(external);
    return TRUE;
}

static void print_missing(const FactRow *row, guint position, gpointer data)
{
    if (counts->swept[position] && (row->purge == NULL || counts->final[position]))
        return;
    printf("# not swept on the real host: %s\n", row->name);
    (*(guint *)data)++;
}

static void run_alone(const Scenario *scenario, guint every)
{
    guint had = counts->points;
    gint64 started = g_get_monotonic_time();
    int status = 0;

    fflush(stdout);
    if (enter_namespaces(&status)) {
        run_scenario(scenario, every);
        fflush(stdout);
        _exit(0);
    }
    if (status != 0)
        counts->failures++;
    printf("# %s: %u points, %.1f s%s\n", scenario->name, counts->points - had,
           (double)(g_get_monotonic_time() - started) / 1e6, status != 0 ? ", died" : "");
}

int main(int argc, char **argv)
{
    int only = argc > 3 ? atoi(argv[3]) : -1;
    guint every = argc > 4 ? (guint)atoi(argv[4]) : 1;
    guint missing = 0;

    if (geteuid() != 0) {
        printf("1..0 # SKIP needs root\n");
        return 0;
    }
    fingerprint_program = argv[1];
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    run((const char *const[]){"/usr/bin/python3", argv[2], "/tmp/berth-test-second-image.tar",
                              "second", NULL});
    for (int i = 0; SCENARIOS[i].name != NULL; i++) {
        if (only < 0 || only == i)
            run_alone(&SCENARIOS[i], every);
    }
    unlink("/tmp/berth-test-second-image.tar");
    printf("%sok 1 - every operation fails or is killed, and nothing changes: %u points, %u of "
           "them kills, %u failed\n",
           counts->failures == 0 && counts->points > 0 ? "" : "not ", counts->points, counts->kills,
           counts->failures);
    if (only < 0)
        for_each_row(print_missing, &missing);
    printf("%sok 2 - every step of every driver was swept\n", missing == 0 ? "" : "not ");
    printf("1..2\n");
    return counts->failures + missing > 0 ? 1 : 0;
}
