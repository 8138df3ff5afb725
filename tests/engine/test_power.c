/* Power states that somebody asks for now: what they do, what they remember, and that they make no
 * generation (EN-46). On the fake host. */
#include <criterion/criterion.h>
#include <string.h>

#include "error.h"
#include "support.h"

#define KEY "instance/default//web"
#define MODEL(rest)                                                                                \
    "storage_pools:\n  - {name: data, driver: dir}\n"                                              \
    "images:\n  - {name: busybox, source: 'builtin:busybox'}\n"                                    \
    "profiles:\n  - name: default\n    devices:\n      root: {type: disk, path: /, pool: data}\n"  \
    "instances:\n  - {name: web, image: busybox" rest "}\n"

static const char *state_of(World *world)
{
    g_autoptr(json_t) state = world_host_state(world);
    const json_t *facts = json_object_get(json_object_get(state, "objects"), KEY);
    const char *found =
        json_string_value(json_object_get(json_object_get(facts, "running"), "state"));

    return found == NULL ? "stopped" : strcmp(found, "running") == 0 ? "running" : "frozen";
}

static Plan *make_power(Engine *engine, void *data, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();

    g_ptr_array_add(keys, (gpointer)KEY);
    return engine_plan_power(engine, keys, data, error);
}

static gint64 power(World *world, const char *state)
{
    Power power = {state, FALSE, 5};
    ApplyOptions options = {.cause = "test"};
    g_auto(ApplyResult) result = {0};
    g_autoptr(GError) error = NULL;

    cr_assert(engine_transact(world->engine, make_power, &power, &options, NULL, &result, &error),
              "%s", error != NULL ? error->message : "");
    return result.generation;
}

static const char *remembered(World *world)
{
    return object_config(snapshot_get(engine_stored(world->engine), KEY),
                         "volatile.last_state.power");
}

Test(power, goes_through_all_states_without_a_generation)
{
    static const char *const states[] = {"running", "frozen", "running", "stopped", "running"};
    g_autoptr(World) world = world_new();
    g_autoptr(json_t) history = NULL;
    g_autoptr(GError) error = NULL;

    cr_assert(world_apply(world, MODEL(""), &error), "%s", error != NULL ? error->message : "");
    cr_assert_str_eq(state_of(world), "stopped");
    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        cr_assert_eq(power(world, states[i]), 0);
        cr_assert_str_eq(state_of(world), states[i]);
        cr_assert_str_eq(remembered(world),
                         strcmp(states[i], "stopped") == 0 ? "STOPPED" : "RUNNING");
    }
    history = engine_history(world->engine, NULL);
    cr_assert_eq(json_array_size(history), 1);
}

/* Nobody declared a state, so a later plan leaves it. */
Test(power, a_plan_does_not_take_it_back)
{
    g_autoptr(World) world = world_new();
    g_autoptr(Plan) plan = NULL;

    cr_assert(world_apply(world, MODEL(""), NULL));
    power(world, "running");
    plan = world_plan(world, MODEL(""), NULL, NULL);
    cr_assert(plan_is_empty(plan));
    cr_assert(world_reopen(world, NULL));
    cr_assert_str_eq(remembered(world), "RUNNING");
}

/* A declared state is what the next plan wants again (EN-07). */
Test(power, a_declared_state_comes_back)
{
    g_autoptr(World) world = world_new();

    cr_assert(world_apply(world, MODEL(", state: running"), NULL));
    power(world, "stopped");
    cr_assert_str_eq(state_of(world), "stopped");
    cr_assert(world_apply(world, MODEL(", state: running"), NULL));
    cr_assert_str_eq(state_of(world), "running");
}
