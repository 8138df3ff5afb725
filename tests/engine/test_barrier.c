/* What is synced before a commit (LAW-4): what is to outlast a power cut, and that alone. */
#include <criterion/criterion.h>
#include <string.h>

#include "error.h"
#include "support.h"

#define BASE                                                                                       \
    "storage_pools:\n  - {name: data, driver: dir}\n"                                              \
    "images:\n  - {name: busybox, source: 'builtin:busybox'}\n"                                    \
    "profiles:\n  - name: default\n    devices:\n      root: {type: disk, path: /, pool: data}\n"
#define WEB(state) BASE "instances:\n  - {name: web, image: busybox, state: " state "}\n"

static gboolean apply_with_threads(World *world, const char *yaml, GError **error)
{
    g_autoptr(Plan) plan = world_plan(world, yaml, NULL, error);
    ApplyOptions options = {.cause = "test", .parallel = 4};
    g_auto(ApplyResult) result = {0};

    return plan != NULL && engine_apply(world->engine, plan, &options, &result, error);
}

Test(barrier, disk_steps_are_synced_once)
{
    g_autoptr(World) world = world_new();

    cr_assert(world_apply(world, BASE, NULL));
    cr_assert_eq(world_take_barriers(world, FALSE), 1);
    /* Beside the start of the container, not once more after it. */
    cr_assert(apply_with_threads(world, WEB("running"), NULL));
    cr_assert_eq(world_take_barriers(world, FALSE), 1);
}

Test(barrier, kernel_steps_are_not)
{
    g_autoptr(World) world = world_new();

    cr_assert(world_apply(world, WEB("stopped"), NULL));
    world_take_barriers(world, FALSE);
    cr_assert(world_apply(world, WEB("running"), NULL));
    cr_assert(apply_with_threads(world, WEB("frozen"), NULL));
    cr_assert(apply_with_threads(world, WEB("stopped"), NULL));
    cr_assert_eq(world_take_barriers(world, FALSE), 0);
}

static void fail(gboolean (*apply)(World *world, const char *yaml, GError **error))
{
    g_autoptr(World) world = world_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    cr_assert(world_apply(world, BASE, NULL));
    before = world_fingerprint(world);
    world_take_barriers(world, TRUE);
    cr_assert_not(apply(world, WEB("running"), &error));
    cr_assert_eq(error->code, ERR_ROLLED_BACK, "%s", error->message);
    cr_assert_not_null(strstr(error->message, "the disk is gone"), "%s", error->message);
    after = world_fingerprint(world);
    cr_assert_str_eq(before, after);
}

Test(barrier, a_failure_undoes_all)
{
    fail(world_apply);
    fail(apply_with_threads);
}
