/* The sweeps on the real host: real pools, bridges, nftables, dnsmasq and containers, in namespaces
 * of this program's own. Every operation of every scenario fails once, and the process is killed
 * once after each. Afterwards the host's fingerprint (tests/lib/fingerprint.py) and the model are
 * what they were before, or what a complete apply makes of them.
 *
 * usage: real-sweep FINGERPRINT_PROGRAM [SCENARIO_NUMBER [EVERY_NTH]] */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "scenarios.h"
#include "spawn.h"
#include "support.h"

static const char *fingerprint_program;
static guint points, failures, kills;
static GHashTable *swept;

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

static gboolean apply(World *world, const char *yaml, GError **error)
{
    return *yaml != '\0' ? world_apply(world, yaml, error) : world_destroy(world, error);
}

static gboolean apply_desired(World *world, gpointer data)
{
    return apply(world, ((const Scenario *)data)->desired, NULL);
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
    for (char **line = right; *line != NULL; line++) {
        if (!g_strv_contains((const char *const *)left, *line))
            printf("# + %.300s\n", *line);
    }
}

static void check(gboolean holds, const Scenario *scenario, const char *what, guint n,
                  const char *expected, const char *is)
{
    points++;
    if (holds)
        return;
    failures++;
    printf("# %s: %s %u\n", scenario->name, what, n);
    if (expected != NULL && is != NULL)
        print_difference(expected, is);
}

static void note_steps(World *world, const Scenario *scenario)
{
    g_autoptr(Plan) plan =
        *scenario->desired != '\0' ? world_plan(world, scenario->desired, NULL, NULL) : NULL;

    for (guint i = 0; plan != NULL && i < plan->steps->len; i++)
        g_hash_table_add(swept, g_strdup(((const PlanStep *)plan->steps->pdata[i])->step.name));
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
    note_steps(world, scenario);
    before = fingerprint(world);
    for (n = 1;; n += every) {
        g_autofree char *after = NULL;
        g_autoptr(GError) failure = NULL;
        gboolean applied, passed;

        world_set_fault(world, FAULT_FAIL, n);
        applied = apply(world, scenario->desired, &failure);
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
            kills++;
            recovered = fingerprint(world);
            check(strcmp(before, recovered) == 0, scenario, "killed after operation", n, before,
                  recovered);
            if (strcmp(before, recovered) != 0)
                return;
        } else {
            world_reopen(world, NULL);
            break;
        }
    }
    check(world_apply(world, *scenario->desired != '\0' ? scenario->desired : "{}", &error),
          scenario, "the complete apply", n, NULL, NULL);
    world_destroy(world, NULL);
}

static void enter_namespaces(void)
{
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        printf("1..0 # SKIP needs root and namespaces\n");
        exit(0);
    }
    {
        pid_t child = fork();

        if (child > 0) {
            int status;

            waitpid(child, &status, 0);
            exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
        }
    }
    mount("proc", "/proc", "proc", 0, NULL);
}

static guint report_rows(void)
{
    guint missing = 0;

    for (int kind = 0; kind < KIND_MAX; kind++) {
        for (const FactRow *row = DRIVERS[kind] != NULL ? DRIVERS[kind]->rows : NULL;
             row != NULL && row->path != NULL; row++) {
            if (!g_hash_table_contains(swept, row->name)) {
                printf("# not swept on the real host: %s\n", row->name);
                missing++;
            }
        }
    }
    return missing;
}

int main(int argc, char **argv)
{
    int only = argc > 2 ? atoi(argv[2]) : -1;
    guint every = argc > 3 ? (guint)atoi(argv[3]) : 1;
    guint missing = 0;

    fingerprint_program = argv[1];
    enter_namespaces();
    swept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (int i = 0; SCENARIOS[i].name != NULL; i++) {
        if (only < 0 || only == i) {
            guint had = points;
            gint64 started = g_get_monotonic_time();

            run_scenario(&SCENARIOS[i], every);
            printf("# %s: %u points, %.1f s\n", SCENARIOS[i].name, points - had,
                   (double)(g_get_monotonic_time() - started) / 1e6);
            fflush(stdout);
        }
    }
    printf("%sok 1 - every operation fails or is killed, and nothing changes: %u points, %u of "
           "them kills, %u failed\n",
           failures == 0 && points > 0 ? "" : "not ", points, kills, failures);
    if (only < 0)
        missing = report_rows();
    printf("%sok 2 - every step of every driver was swept\n", missing == 0 ? "" : "not ");
    printf("1..2\n");
    return failures + missing > 0 ? 1 : 0;
}
