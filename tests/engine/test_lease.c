/* Environments whose lease has ended (EN-51, reconciler/lease.h). On the fake host. */
#include <criterion/criterion.h>

#include "lease.h"
#include "moment.h"
#include "support.h"

#define OVER "2020-01-01T00:00:00Z"
#define LATER "2998-01-01T00:00:00Z"

/* `time` NULL: it does not end. */
static void put(World *world, const char *name, const char *time)
{
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = NULL;
    PlanOptions options = {0};
    ApplyOptions apply = {.cause = "test"};
    g_auto(ApplyResult) result = {0};

    g_ptr_array_add(objects,
                    object_new(KIND_ENVIRONMENT, "", "", name,
                               json_pack("{s:s, s:s*}", "project", "default", "expires_at", time),
                               NULL));
    plan = engine_plan_change(world->engine, objects, keys, &options, &error);
    cr_assert(plan != NULL && engine_apply(world->engine, plan, &apply, &result, &error), "%s",
              error != NULL ? error->message : "");
}

static gboolean is_there(World *world, const char *name)
{
    return snapshot_find(engine_stored(world->engine), KIND_ENVIRONMENT, "", name) != NULL;
}

Test(lease, ends)
{
    g_autoptr(World) world = world_new();
    g_autofree char *told = NULL;
    g_autofree char *none = NULL;

    put(world, "three", NULL);
    cr_assert_eq(lease_next(world->engine), 0);
    put(world, "two", LATER);
    put(world, "one", LATER);
    cr_assert_gt(lease_next(world->engine), moment_now() + 1000);
    cr_assert_null(lease_end_due(world->engine, NULL));
    put(world, "one", OVER);
    cr_assert_leq(lease_next(world->engine), moment_now());
    told = lease_end_due(world->engine, NULL);
    cr_assert_str_eq(told, "the lease of environment one has ended, and it is deleted");
    cr_assert_not(is_there(world, "one"));
    cr_assert(is_there(world, "two") && is_there(world, "three"));
    none = lease_end_due(world->engine, NULL);
    cr_assert_null(none);
}

static void renew_first(void *data, char *name, const char *cause)
{
    World *world = data;
    ApplyOptions options = {.cause = cause};
    g_auto(ApplyResult) result = {0};

    cr_assert_str_eq(cause, "env down one: its lease has ended");
    put(world, "one", LATER);
    cr_assert(engine_transact(world->engine, lease_make_end, name, &options, NULL, &result, NULL));
}

/* Between the look and the transaction somebody may renew it. */
Test(lease, renewed_meanwhile)
{
    g_autoptr(World) world = world_new();

    put(world, "one", OVER);
    lease_each_ended(world->engine, renew_first, world);
    cr_assert(is_there(world, "one"));
}
