/* Applies that are reverted unless somebody confirms them in time (EN-33). On the fake host. */
#include <criterion/criterion.h>
#include <string.h>

#include "error.h"
#include "support.h"

#define WEB "instance/default//web"
#define BASE                                                                                       \
    "storage_pools:\n  - {name: data, driver: dir}\n"                                              \
    "images:\n  - {name: busybox, source: 'builtin:busybox'}\n"                                    \
    "profiles:\n  - name: default\n    devices:\n      root: {type: disk, path: /, pool: data}\n"
#define MODEL(rest) BASE "instances:\n  - {name: web, image: busybox, state: running" rest "}\n"
#define OTHER MODEL("") "  - {name: db, image: busybox}\n"

/* Applies with a deadline that many seconds from now; negative: passed already. */
static gint64 apply_for(World *world, const char *yaml, gint64 seconds)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = world_plan(world, yaml, NULL, &error);
    ApplyOptions options = {.cause = "test", .confirm_seconds = seconds};
    g_auto(ApplyResult) result = {0};

    cr_assert(plan != NULL, "%s", error != NULL ? error->message : "");
    cr_assert(engine_apply(world->engine, plan, &options, &result, &error), "%s",
              error != NULL ? error->message : "");
    cr_assert_neq(result.revert_at, 0);
    return result.generation;
}

static guint waiting(World *world)
{
    g_autoptr(json_t) list = engine_unconfirmed(world->engine, NULL);

    return (guint)json_array_size(list);
}

static const char *memory(World *world)
{
    const Object *web = snapshot_get(engine_stored(world->engine), WEB);

    return web != NULL ? object_config(web, "limits.memory") : "gone";
}

Test(confirm, stays_when_confirmed)
{
    g_autoptr(World) world = world_new();
    g_autoptr(GError) error = NULL;
    gint64 number;

    cr_assert(world_apply(world, MODEL(""), NULL));
    number = apply_for(world, MODEL(", config: {limits.memory: 64MiB}"), 3600);
    cr_assert_eq(waiting(world), 1);
    cr_assert(engine_confirm(world->engine, number, &error), "%s",
              error != NULL ? error->message : "");
    cr_assert_eq(waiting(world), 0);
    cr_assert_eq(engine_next_revert(world->engine), 0);
    cr_assert_not(engine_confirm(world->engine, number, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_NOT_FOUND));
    cr_assert(world_reopen(world, NULL));
    cr_assert_str_eq(memory(world), "64MiB");
}

/* The deadline is in the store: it holds for whoever opens the state directory next. */
Test(confirm, is_reverted_by_the_next_program)
{
    g_autoptr(World) world = world_new();
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    cr_assert(world_apply(world, MODEL(""), NULL));
    before = world_fingerprint(world);
    apply_for(world, MODEL(", config: {limits.memory: 64MiB}"), -1);
    cr_assert_str_eq(memory(world), "64MiB");
    cr_assert(world_reopen(world, NULL));
    cr_assert_null(memory(world));
    cr_assert_eq(waiting(world), 0);
    cr_assert(strstr(engine_recovered(world->engine), "not confirmed in time") != NULL);
    after = world_fingerprint(world);
    cr_assert_str_eq(after, before);
}

Test(confirm, waits_over_a_restart)
{
    g_autoptr(World) world = world_new();

    cr_assert(world_apply(world, MODEL(""), NULL));
    apply_for(world, MODEL(", config: {limits.memory: 64MiB}"), 3600);
    cr_assert(world_reopen(world, NULL));
    cr_assert_eq(waiting(world), 1);
    cr_assert_str_eq(memory(world), "64MiB");
    cr_assert_gt(engine_next_revert(world->engine), g_get_real_time() / G_USEC_PER_SEC);
}

/* What was deleted comes back with its data: nothing is purged before somebody confirms. */
Test(confirm, brings_deleted_data_back)
{
    g_autoptr(World) world = world_new();
    g_autoptr(json_t) parked = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    cr_assert(world_apply(world, MODEL(""), NULL));
    before = world_fingerprint(world);
    apply_for(world, BASE, -1);
    cr_assert_str_eq(memory(world), "gone");
    parked = engine_parked(world->engine, NULL);
    cr_assert_gt(json_array_size(parked), 0);
    cr_assert(world_reopen(world, NULL));
    after = world_fingerprint(world);
    cr_assert_str_eq(after, before);
}

Test(confirm, purges_once_confirmed)
{
    g_autoptr(World) world = world_new();
    g_autoptr(json_t) parked = NULL;
    gint64 number;

    cr_assert(world_apply(world, MODEL(""), NULL));
    number = apply_for(world, BASE, 3600);
    cr_assert(engine_confirm(world->engine, number, NULL));
    parked = engine_parked(world->engine, NULL);
    cr_assert_eq(json_array_size(parked), 0);
}

/* Others write elsewhere, but not to what waits. */
Test(confirm, keeps_others_away)
{
    g_autoptr(World) world = world_new();
    g_autoptr(GError) error = NULL;
    gint64 number;

    cr_assert(world_apply(world, MODEL(""), NULL));
    number = apply_for(world, MODEL(", config: {limits.memory: 64MiB}"), 3600);
    cr_assert_not(world_apply(world, MODEL(", config: {limits.memory: 1GiB}"), &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_CONFLICT), "%s", error->message);
    cr_assert(strstr(error->message, "berth confirm") != NULL);
    cr_assert_str_eq(memory(world), "64MiB");
    cr_assert(world_apply(world,
                          MODEL(", config: {limits.memory: 64MiB}") "  - {name: db, image: "
                                                                    "busybox}\n",
                          NULL));
    cr_assert(engine_confirm(world->engine, number, NULL));
    cr_assert(world_apply(world, MODEL(", config: {limits.memory: 1GiB}"), NULL));
}

Test(confirm, can_be_reverted_before_its_time)
{
    g_autoptr(World) world = world_new();
    g_autoptr(Plan) plan = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(ApplyResult) result = {0};
    gint64 number;

    cr_assert(world_apply(world, MODEL(""), NULL));
    number = apply_for(world, OTHER, 3600);
    plan = engine_plan_revert(world->engine, number, &error);
    cr_assert(plan != NULL, "%s", error != NULL ? error->message : "");
    cr_assert(world_apply_plan(world, plan, &result, &error), "%s",
              error != NULL ? error->message : "");
    cr_assert_eq(waiting(world), 0);
    cr_assert_null(snapshot_get(engine_stored(world->engine), "instance/default//db"));
    cr_assert_null(engine_plan_revert(world->engine, number, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_NOT_FOUND));
}

/* A policy that came with it does not keep it from going. */
Test(confirm, policies_do_not_hold_a_revert_up)
{
    g_autoptr(World) world = world_new();

    cr_assert(world_apply(world, MODEL(""), NULL));
    apply_for(world, OTHER "policies:\n  - {name: keep, objects: [instance], on: [delete]}\n", -1);
    cr_assert(world_reopen(world, NULL));
    cr_assert_eq(waiting(world), 0);
    cr_assert_null(snapshot_get(engine_stored(world->engine), "instance/default//db"));
}

/* Killed at each moment of taking it back: the next one goes on. */
static gboolean reopen_in_child(World *world, gpointer data)
{
    return world_reopen(world, NULL);
}

Test(confirm, a_killed_revert_goes_on)
{
    for (guint n = 1;; n++) {
        g_autoptr(World) world = world_new();
        gboolean passed, killed;

        cr_assert(world_apply(world, MODEL(""), NULL));
        apply_for(world, MODEL(", config: {limits.memory: 64MiB}"), -1);
        world_set_fault(world, FAULT_KILL_AFTER, n);
        killed = world_in_child(world, reopen_in_child, NULL, &passed);
        cr_assert(killed || passed);
        world_set_fault(world, FAULT_NONE, 0);
        cr_assert(world_reopen(world, NULL));
        cr_assert_null(memory(world), "killed after %u", n);
        cr_assert_eq(waiting(world), 0);
        if (!killed)
            break;
    }
}

static Plan *plan_text_of(Engine *engine, void *data, GError **error)
{
    g_autoptr(Input) input = input_new();
    g_autoptr(Problems) problems = problems_new();
    PlanOptions options = world_options();

    input_parse(input, "test.yaml", data, strlen(data), NULL, problems);
    return engine_plan(engine, input, &options, error);
}

/* Whether anything waits is not asked of the store at each commit, but a program that lives long
 * learns of what another one left to be confirmed. */
Test(confirm, of_another_program)
{
    g_autoptr(World) world = world_new();
    g_autoptr(GError) error = NULL;
    ApplyOptions options = {.cause = "test", .confirm_seconds = 3600};
    ApplyOptions lasting = {.cause = "test"};
    g_auto(ApplyResult) first = {0}, second = {0}, third = {0};

    engine_close(world->engine);
    world->engine = engine_open(world->host, ENGINE_SHARES, &error);
    cr_assert(engine_transact(world->engine, plan_text_of, (char *)MODEL(""), &lasting, NULL,
                              &first, &error),
              "%s", error != NULL ? error->message : "");
    cr_assert_eq(waiting(world), 0);
    {
        g_autoptr(Engine) other = engine_open(world->host, 0, &error);

        cr_assert_not_null(other, "%s", error != NULL ? error->message : "");
        cr_assert(engine_transact(other, plan_text_of,
                                  (char *)MODEL(", config: {limits.memory: 64MiB}"), &options, NULL,
                                  &second, &error),
                  "%s", error != NULL ? error->message : "");
    }
    cr_assert_not(engine_transact(world->engine, plan_text_of,
                                  (char *)MODEL(", config: {limits.memory: 96MiB}"), &lasting, NULL,
                                  &third, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_CONFLICT), "%s", error->message);
    cr_assert_eq(waiting(world), 1);
}
