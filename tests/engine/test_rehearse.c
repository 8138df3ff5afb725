/* Rehearsals: every sort of step, plans that do not fit, and that nothing is touched. On the fake
 * host; laws.c rehearses random models. */
#include <criterion/criterion.h>
#include <string.h>

#include "error.h"
#include "rehearse.h"
#include "scenarios.h"
#include "support.h"

static Plan *plan_of(World *world, const Scenario *scenario)
{
    if (*scenario->current != '\0')
        cr_assert(world_apply(world, scenario->current, NULL), "%s", scenario->name);
    return world_plan(world, scenario->desired, NULL, NULL);
}

static json_t *rehearse(World *world, const Plan *plan)
{
    g_autofree char *before = world_fingerprint(world);
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;
    json_t *rehearsal;

    world_set_fault(world, FAULT_NONE, 0);
    rehearsal = engine_rehearse(world->engine, plan, &error);
    after = world_fingerprint(world);
    cr_assert_not_null(rehearsal, "%s", error != NULL ? error->message : "");
    cr_assert_str_eq(before, after);
    cr_assert_eq(world_operations(world), 0);
    return rehearsal;
}

Test(rehearse, every_scenario_does_each_step_and_converges)
{
    for (const Scenario *scenario = SCENARIOS; scenario->name != NULL; scenario++) {
        g_autoptr(World) world = world_new();
        g_autoptr(Plan) plan = plan_of(world, scenario);
        g_autoptr(json_t) rehearsal = NULL;
        g_autoptr(GError) error = NULL;
        const json_t *steps, *step;
        size_t i;

        if (plan == NULL || plan->blocked->len > 0)
            continue;
        rehearsal = rehearse(world, plan);
        cr_assert(rehearsal_check(rehearsal, &error), "%s: %s", scenario->name,
                  error != NULL ? error->message : "");
        steps = json_object_get(rehearsal, "steps");
        cr_assert_eq(json_array_size(steps), plan->steps->len, "%s", scenario->name);
        json_array_foreach (steps, i, step) {
            cr_assert_str_eq(json_string_at(step, "state"), "done");
            cr_assert_geq(json_integer_value(json_object_get(step, "microseconds")), 0);
        }
    }
}

/* A step of the first scenario that makes something of `path`. */
static PlanStep *step_that_makes(const Plan *plan, const char *path)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        PlanStep *step = plan->steps->pdata[i];

        if (step->step.to != NULL && strcmp(step->step.path, path) == 0)
            return step;
    }
    cr_assert_fail("no step makes %s", path);
    return NULL;
}

Test(rehearse, a_step_that_begins_from_something_else_fails)
{
    g_autoptr(World) world = world_new();
    g_autoptr(Plan) plan = plan_of(world, &SCENARIOS[0]);
    PlanStep *step = step_that_makes(plan, "running");
    g_autoptr(json_t) rehearsal = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    gboolean undone = FALSE;
    const json_t *item;
    size_t i;

    step->step.from = json_pack("{s:s}", "state", "frozen");
    rehearsal = rehearse(world, plan);
    cr_assert_not(rehearsal_check(rehearsal, &error));
    cr_assert_eq(error_exit_status(error), 1);
    cr_assert_not_null(strstr(error->message, "instance/web"), "%s", error->message);
    cr_assert_not_null(strstr(error->message, "running is not as the step expects"), "%s",
                       error->message);
    json_array_foreach (json_object_get(rehearsal, "steps"), i, item)
        undone = undone || strcmp(json_string_at(item, "state"), "undone") == 0;
    cr_assert(undone);
    rehearsal_print(rehearsal, text);
    cr_assert_not_null(strstr(text->str, "It fails: "), "%s", text->str);
}

Test(rehearse, a_plan_that_does_not_come_out_as_it_says_fails)
{
    g_autoptr(World) world = world_new();
    g_autoptr(Plan) plan = plan_of(world, &SCENARIOS[0]);
    PlanStep *step = step_that_makes(plan, "running");
    g_autoptr(json_t) rehearsal = NULL;
    g_autoptr(GError) error = NULL;

    json_decref(step->step.to);
    step->step.to = json_pack("{s:s}", "state", "frozen");
    rehearsal = rehearse(world, plan);
    cr_assert_not(rehearsal_check(rehearsal, &error));
    cr_assert_not_null(strstr(error->message, "instance/web"), "%s", error->message);
}

Test(rehearse, a_step_that_is_missing_is_left)
{
    g_autoptr(World) world = world_new();
    g_autoptr(Plan) plan = plan_of(world, &SCENARIOS[0]);
    PlanStep *step = step_that_makes(plan, "running");
    g_autoptr(json_t) rehearsal = NULL;
    g_autoptr(GError) error = NULL;

    cr_assert(g_ptr_array_remove(plan->steps, step));
    rehearsal = rehearse(world, plan);
    cr_assert_not(rehearsal_check(rehearsal, &error));
    cr_assert_not_null(strstr(error->message, "a plan is not empty (instance/web: running"), "%s",
                       error->message);
}
