/* Sweeps (DESIGN 8): every operation of every scenario fails once; the process is killed before and
 * after each; each kill once more with a reboot, and once with a power cut that loses writes.
 * Whatever happens, model and host are afterwards what they were before the apply or what they are
 * after a complete one. The list of steps is the drivers' own: a row that no scenario took fails
 * the test. */
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "scenarios.h"
#include "support.h"

typedef enum {
    SWEEP_FAIL,
    SWEEP_KILL_BEFORE,
    SWEEP_KILL_AFTER,
    SWEEP_REBOOT,
    SWEEP_POWER_CUT,
    SWEEPS
} Sweep;

static const char *const SWEEP_NAMES[SWEEPS] = {
    "each operation fails", "killed before each operation", "killed after each operation",
    "killed, and the machine reboots", "killed, and unsynced writes are lost"};

static guint points[SWEEPS], failures[SWEEPS];
static GHashTable *swept; /* set of step names; of those that delete data for good, once more with
                             FOR_GOOD */
#define FOR_GOOD " for good"

static World *prepared(const Scenario *scenario)
{
    g_autoptr(GError) error = NULL;
    World *world = world_new();

    if (*scenario->current != '\0' && !world_apply(world, scenario->current, &error))
        g_error("scenario %s: %s", scenario->name, error->message);
    if (scenario->accident) {
        g_autoptr(json_t) state = world_host_state(world);
        json_t *web = json_at(state, "objects/instance%2Fdefault%2F%2Fweb");

        json_object_del(web, "running");
        json_object_set_new(web, "stale", json_pack("{s:b}", "left", 1));
        world_set_host_state(world, state);
    }
    return world;
}

static gboolean apply_desired(World *world, gpointer data)
{
    return scenario_apply(world, data, NULL);
}

/* How many operations a complete apply takes; notes its steps. */
static guint count_operations(const Scenario *scenario)
{
    g_autoptr(World) world = prepared(scenario);
    g_autoptr(Plan) plan = scenario_plan(world, scenario, NULL);

    for (guint i = 0; plan != NULL && i < plan->steps->len; i++) {
        const PlanStep *step = plan->steps->pdata[i];

        g_hash_table_add(swept, g_strdup(step->step.name));
        if (step->final)
            g_hash_table_add(swept, g_strconcat(step->step.name, FOR_GOOD, NULL));
    }
    world_set_fault(world, FAULT_NONE, 0);
    if (!apply_desired(world, (gpointer)scenario))
        g_error("scenario %s cannot be applied", scenario->name);
    return world_operations(world);
}

static void report(Sweep sweep, const Scenario *scenario, guint n, const char *what)
{
    points[sweep]++;
    if (what == NULL)
        return;
    if (++failures[sweep] <= 3)
        printf("# %s, %s, operation %u: %.2000s\n", scenario->name, SWEEP_NAMES[sweep], n, what);
}

static void sweep_failure(const Scenario *scenario, guint n)
{
    g_autoptr(World) world = prepared(scenario);
    g_autofree char *before = world_fingerprint(world);
    g_autofree char *after = NULL;
    gboolean applied;

    world_set_fault(world, FAULT_FAIL, n);
    applied = apply_desired(world, (gpointer)scenario);
    world_set_fault(world, FAULT_NONE, 0);
    after = world_fingerprint(world);
    /* A purge comes after the commit: its failure does not undo. */
    report(SWEEP_FAIL, scenario, n, applied || strcmp(before, after) == 0 ? NULL : after);
}

/* The apply is done, all of it: its plan is empty, and nothing is parked or staged any more. */
static gboolean is_complete(World *world, const Scenario *scenario)
{
    g_autoptr(json_t) state = world_host_state(world);
    g_autoptr(Plan) plan = NULL;

    if (json_object_size(json_object_get(state, "parked")) > 0 ||
        json_object_size(json_object_get(state, "staged")) > 0)
        return FALSE;
    if (*scenario->desired == '\0')
        return json_object_size(json_object_get(state, "objects")) == 0;
    plan = world_plan(world, scenario->desired, NULL, NULL);
    return plan != NULL && plan_is_empty(plan);
}

/* After a reboot the kernel's part is missing, whichever model is in force: the way to what is
 * wanted must be open and lead there. */
static gboolean is_reachable(World *world, const Scenario *scenario)
{
    g_autoptr(Plan) plan = NULL;

    if (!apply_desired(world, (gpointer)scenario))
        return FALSE;
    if (*scenario->desired == '\0') {
        g_autoptr(json_t) state = world_host_state(world);

        return json_object_size(json_object_get(state, "objects")) == 0 &&
               json_object_size(json_object_get(state, "parked")) == 0;
    }
    plan = world_plan(world, scenario->desired, NULL, NULL);
    return plan != NULL && plan_is_empty(plan);
}

static void sweep_kill(const Scenario *scenario, Sweep sweep, guint n)
{
    g_autoptr(World) world = prepared(scenario);
    g_autofree char *before = world_fingerprint(world);
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;
    gboolean passed, rebooted = sweep == SWEEP_REBOOT || sweep == SWEEP_POWER_CUT;

    if (sweep == SWEEP_POWER_CUT)
        world_lose_writes(world, 50, n);
    world_set_fault(world, sweep == SWEEP_KILL_BEFORE ? FAULT_KILL_BEFORE : FAULT_KILL_AFTER, n);
    if (!world_in_child(world, apply_desired, (gpointer)scenario, &passed))
        passed = TRUE; /* done before the n-th operation came */
    world_set_fault(world, FAULT_NONE, 0);
    world_lose_writes(world, 0, 0);
    if (rebooted)
        world_reboot(world);
    if (!world_reopen(world, &error)) {
        report(sweep, scenario, n, error->message);
        world->engine = NULL;
        return;
    }
    after = world_fingerprint(world);
    if (rebooted)
        report(sweep, scenario, n, is_reachable(world, scenario) ? NULL : after);
    else
        report(sweep, scenario, n,
               strcmp(after, before) == 0 || is_complete(world, scenario) ? NULL : after);
}

/* Every row of every driver must have been taken by a scenario. */
static guint report_rows(guint number)
{
    guint missing = 0, rows = 0;

    for (int kind = 0; kind < KIND_MAX; kind++) {
        for (const FactRow *row = DRIVERS[kind] != NULL ? DRIVERS[kind]->rows : NULL;
             row != NULL && row->path != NULL; row++) {
            g_autofree char *stage = g_strdup_printf("%s.stage", row->name);
            g_autofree char *final = g_strconcat(row->name, FOR_GOOD, NULL);

            rows++;
            if (!g_hash_table_contains(swept, row->name) ||
                (row->stage != NULL && !g_hash_table_contains(swept, stage)) ||
                (row->purge != NULL && !g_hash_table_contains(swept, final))) {
                printf("# not swept: %s\n", row->name);
                missing++;
            }
        }
    }
    printf("%sok %u - every step of every driver was swept (%u rows)\n", missing == 0 ? "" : "not ",
           number, rows);
    return missing;
}

int main(int argc, char **argv)
{
    guint failed = 0;

    swept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (const Scenario *scenario = SCENARIOS; scenario->name != NULL; scenario++) {
        guint operations = count_operations(scenario);

        for (guint n = 1; n <= operations; n++) {
            sweep_failure(scenario, n);
            for (int sweep = SWEEP_KILL_BEFORE; sweep < SWEEPS; sweep++)
                sweep_kill(scenario, (Sweep)sweep, n);
        }
    }
    for (guint i = 0; i < SWEEPS; i++) {
        printf("%sok %u - %s: %u points, %u failed\n",
               failures[i] == 0 && points[i] > 0 ? "" : "not ", i + 1, SWEEP_NAMES[i], points[i],
               failures[i]);
        failed += failures[i];
    }
    failed += report_rows(SWEEPS + 1);
    printf("1..%d\n", SWEEPS + 1);
    return failed > 0 ? 1 : 0;
}
