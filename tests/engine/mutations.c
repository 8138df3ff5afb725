/* The checks checked: a plan with two steps in the wrong order, and an undo that does nothing, must
 * be noticed (DESIGN 8). */
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "scenarios.h"
#include "support.h"

static guint points[3], missed[3];

static void report(guint kind, const Scenario *scenario, const char *what, gboolean noticed)
{
    points[kind]++;
    if (noticed)
        return;
    if (++missed[kind] <= 5)
        printf("# %s: not noticed: %s\n", scenario->name, what);
}

static World *prepared(const Scenario *scenario)
{
    World *world = world_new();

    if (*scenario->current != '\0' && !world_apply(world, scenario->current, NULL))
        g_error("scenario %s", scenario->name);
    return world;
}

static void cancel_at_the_end(void *data, const Step *step, StepState state,
                              const ProgressCount *count)
{
    if (count->done == count->total)
        *(volatile gint *)data = 1;
}

/* Everything is done, then it is cancelled: the rollback has to miss the dropped undo's work. */
static void drop_undo(const Scenario *scenario, const char *row)
{
    g_autoptr(World) world = prepared(scenario);
    g_autoptr(Plan) plan = world_plan(world, scenario->desired, NULL, NULL);
    g_auto(ApplyResult) result = {0};
    g_autoptr(GError) error = NULL;
    volatile gint cancel = 0;
    ApplyOptions options = {.cause = "test",
                            .parallel = 1,
                            .cancel = &cancel,
                            .progress = cancel_at_the_end,
                            .progress_data = (gpointer)&cancel};

    world_drop_undo(world, row);
    if (engine_apply(world->engine, plan, &options, &result, &error))
        g_error("it was not cancelled");
    report(0, scenario, row, error->code == ERR_ROLLBACK_INCOMPLETE);
}

/* The steps one after the other in the order of the array, with two of them swapped. */
static gboolean run_in_order(const Scenario *scenario, guint a, guint b, GError **error)
{
    g_autoptr(World) world = prepared(scenario);
    g_autoptr(Plan) plan = world_plan(world, scenario->desired, NULL, NULL);
    g_autoptr(GPtrArray) order = g_ptr_array_new();
    gboolean fine = TRUE;

    for (guint i = 0; i < plan->steps->len; i++)
        g_ptr_array_add(order, plan->steps->pdata[i == a ? b : i == b ? a : i]);
    world_watch_order(world, plan);
    for (guint i = 0; i < order->len && fine; i++) {
        const PlanStep *plan_step = order->pdata[i];
        g_autoptr(Step) step = step_copy(&plan_step->step, "mutation");

        fine = plan_step->staging ? host_stage(world->host, step, error)
                                  : host_ensure(world->host, step, error);
    }
    return fine;
}

static void mutate(const Scenario *scenario)
{
    g_autoptr(World) world = prepared(scenario);
    g_autoptr(Plan) plan = world_plan(world, scenario->desired, NULL, NULL);
    g_autoptr(GHashTable) rows = g_hash_table_new(g_str_hash, g_str_equal);

    report(1, scenario, "the right order is taken for wrong", run_in_order(scenario, 0, 0, NULL));
    for (guint i = 0; i < plan->steps->len; i++) {
        const PlanStep *step = plan->steps->pdata[i];

        if (!step->staging && g_hash_table_add(rows, (gpointer)step->row->name))
            drop_undo(scenario, step->row->name);
        for (guint j = 0; !step->staging && step->phase != PHASE_DOWN && j < step->after->len;
             j++) {
            guint before = g_array_index(step->after, guint, j);

            if (!((const PlanStep *)plan->steps->pdata[before])->staging)
                report(2, scenario, step->step.name, !run_in_order(scenario, before, i, NULL));
        }
    }
}

int main(void)
{
    static const char *const names[] = {
        "an undo that does nothing ends in exit 4",
        "the planned order is right by references alone",
        "two steps that depend on each other, swapped, are noticed"};
    guint failed = 0;

    for (const Scenario *scenario = SCENARIOS; scenario->name != NULL; scenario++) {
        if (*scenario->desired != '\0' && !scenario->accident)
            mutate(scenario);
    }
    for (guint i = 0; i < 3; i++) {
        printf("%sok %u - %s: %u points, %u missed\n",
               missed[i] == 0 && points[i] > 0 ? "" : "not ", i + 1, names[i], points[i],
               missed[i]);
        failed += missed[i];
    }
    printf("1..3\n");
    return failed > 0 ? 1 : 0;
}
