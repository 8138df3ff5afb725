/* Transactions side by side in one program: threads that change different objects, the same object,
 * and what they share; and a second program that writes in between. On the fake host. */
#include <criterion/criterion.h>
#include <string.h>

#include "error.h"
#include "support.h"

#define THREADS 8
#define ROUNDS 6

static Host *host_of(const World *world)
{
    return world->host;
}

static void open_shared(World *world)
{
    g_autoptr(GError) error = NULL;

    engine_close(world->engine);
    world->engine = engine_open(host_of(world), ENGINE_SHARES, &error);
    cr_assert_not_null(world->engine, "%s", error->message);
}

static Object *network(const char *name, guint subnet, const char *description)
{
    g_autofree char *address = g_strdup_printf("10.%u.0.1/24", subnet);

    return object_new(KIND_NETWORK, "default", "", name,
                      json_pack("{s:s*, s:{s:s, s:s}}", "description", description, "config",
                                "ipv4.address", address, "ipv6.address", "none"),
                      NULL);
}

static Plan *put_network(Engine *engine, void *data, GError **error)
{
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    PlanOptions options = {0};

    g_ptr_array_add(objects, data);
    return engine_plan_change(engine, objects, NULL, &options, error);
}

static gboolean transact(Engine *engine, Object *object, gint64 *ret_generation, GError **error)
{
    ApplyOptions options = {.cause = "test"};
    g_auto(ApplyResult) result = {0};
    gboolean done = engine_transact(engine, put_network, object, &options, NULL, &result, error);

    *ret_generation = result.generation;
    return done;
}

typedef struct {
    Engine *engine;
    guint number;
    gboolean same; /* all threads change one object */
    guint failures;
} Worker;

static gpointer work(gpointer data)
{
    Worker *worker = data;

    for (guint round = 0; round < ROUNDS; round++) {
        g_autofree char *name = g_strdup_printf("net%u", worker->same ? 0 : worker->number);
        g_autofree char *description = g_strdup_printf("%u of %u", round, worker->number);
        g_autoptr(Object) object =
            network(name, worker->same ? 1 : 1 + worker->number, description);
        g_autoptr(GError) error = NULL;
        gint64 generation;

        if (!transact(worker->engine, object, &generation, &error) || generation == 0)
            worker->failures++;
    }
    return NULL;
}

static void run_workers(World *world, gboolean same)
{
    Worker workers[THREADS];
    GThread *threads[THREADS];
    g_autoptr(json_t) history = NULL;
    guint failures = 0;

    for (guint i = 0; i < THREADS; i++) {
        workers[i] = (Worker){world->engine, i, same, 0};
        threads[i] = g_thread_new("worker", work, &workers[i]);
    }
    for (guint i = 0; i < THREADS; i++) {
        g_thread_join(threads[i]);
        failures += workers[i].failures;
    }
    history = engine_history(world->engine, NULL);
    cr_assert_eq(failures, 0);
    cr_assert_eq(json_array_size(history), THREADS * ROUNDS);
}

Test(transact, different_objects_side_by_side)
{
    g_autoptr(World) world = world_new();

    open_shared(world);
    run_workers(world, FALSE);
    for (guint i = 0; i < THREADS; i++) {
        g_autofree char *name = g_strdup_printf("net%u", i);

        cr_assert_not_null(
            snapshot_find(engine_stored(world->engine), KIND_NETWORK, "default", name));
    }
}

Test(transact, one_object_one_after_the_other)
{
    g_autoptr(World) world = world_new();

    open_shared(world);
    run_workers(world, TRUE);
    cr_assert(!engine_is_busy(world->engine, "network/default//net0"));
}

/* What a plan reads is what is committed when it runs, not when it was asked for. */
Test(transact, another_program_may_write_in_between)
{
    g_autoptr(World) world = world_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Object) first = network("first", 1, NULL);
    g_autoptr(Object) other = network("other", 2, NULL);
    g_autoptr(Object) third = network("third", 3, NULL);
    gint64 generation;
    gboolean changed;

    open_shared(world);
    cr_assert(transact(world->engine, first, &generation, NULL));
    {
        g_autoptr(Engine) second = engine_open(host_of(world), ENGINE_NO_WAIT, &error);

        cr_assert_not_null(second, "%s", error != NULL ? error->message : "");
        cr_assert(transact(second, other, &generation, NULL));
    }
    cr_assert(transact(world->engine, third, &generation, &error), "%s",
              error != NULL ? error->message : "");
    cr_assert_eq(generation, 3);
    cr_assert_eq(snapshot_size(engine_stored(world->engine)), 2 + 3);
    cr_assert(engine_refresh(world->engine, &changed, NULL));
    cr_assert(!changed);
}
