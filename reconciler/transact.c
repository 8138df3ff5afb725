/* Transactions side by side in one program (EN-32): who plans, who waits, who may run. */
#include <string.h>

#include "engine_private.h"
#include "error.h"

/* The first transaction under way takes the state lock, so that no other program writes. */
static gboolean enter(Engine *engine, gboolean wait, GError **error)
{
    gboolean changed;

    if (engine->running == 0 && engine->shares) {
        if (!store_take(engine->store, wait, &changed, error))
            return FALSE;
        /* Who wrote may have been killed at it. */
        if (changed && !engine_recover(engine, error)) {
            store_release(engine->store);
            return FALSE;
        }
    }
    engine->running++;
    return TRUE;
}

static void leave(Engine *engine)
{
    if (--engine->running == 0 && engine->shares)
        store_release(engine->store);
    g_cond_broadcast(&engine->released);
}

/* Plans until nobody is in the way. The mutex is held. */
static Plan *plan_and_lock(Engine *engine, PlanFunction make, void *data, gboolean wait,
                           LockSet **ret_set, GError **error)
{
    for (;;) {
        g_autoptr(Plan) plan = NULL;
        g_autoptr(LockSet) set = NULL;

        engine_look(engine);
        plan = make(engine, data, error);
        if (plan == NULL)
            return NULL;
        set = lock_set_of_plan(plan);
        if (locks_try(engine->locks, set)) {
            *ret_set = g_steal_pointer(&set);
            return g_steal_pointer(&plan);
        }
        if (!wait) {
            error_set(error, ERR_BUSY, "another transaction is at work on these objects");
            return NULL;
        }
        g_cond_wait(&engine->released, &engine->mutex);
    }
}

void engine_on_end(Engine *engine, void (*ended)(void *data, const TransactionEnd *end), void *data)
{
    engine->ended = ended;
    engine->ended_data = data;
}

static void tell_end(Engine *engine, const Plan *plan, const GError *failure, gint64 started)
{
    TransactionEnd end = {plan, failure, (g_get_monotonic_time() - started) / 1000};

    if (engine->ended != NULL)
        engine->ended(engine->ended_data, &end);
}

gboolean engine_transact(Engine *engine, PlanFunction make, void *data, const ApplyOptions *options,
                         Plan **ret_plan, ApplyResult *ret_result, GError **error)
{
    g_autoptr(Plan) plan = NULL;
    g_autoptr(LockSet) set = NULL;
    g_autoptr(GError) failure = NULL;
    gint64 started = g_get_monotonic_time();
    gboolean done = FALSE;

    memset(ret_result, 0, sizeof *ret_result);
    g_mutex_lock(&engine->mutex);
    if (enter(engine, !options->no_wait, &failure)) {
        plan = plan_and_lock(engine, make, data, !options->no_wait, &set, &failure);
        if (plan != NULL) {
            g_mutex_unlock(&engine->mutex);
            done = engine_carry_out(engine, plan, options, ret_result, &failure);
            g_mutex_lock(&engine->mutex);
            engine_look(engine);
            locks_release(engine->locks, set);
        }
        leave(engine);
    }
    g_mutex_unlock(&engine->mutex);
    tell_end(engine, plan, failure, started);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    if (ret_plan != NULL)
        *ret_plan = g_steal_pointer(&plan);
    return done;
}

Plan *engine_look_ahead(Engine *engine, PlanFunction make, void *data, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&engine->mutex);

    engine_look(engine);
    return make(engine, data, error);
}

gboolean engine_alone(Engine *engine, gboolean (*run)(Engine *engine, void *data, GError **error),
                      void *data, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&engine->mutex);
    gboolean done = FALSE;

    while (engine->running > 0)
        g_cond_wait(&engine->released, &engine->mutex);
    if (enter(engine, TRUE, error)) {
        engine_look(engine);
        done = run(engine, data, error);
        leave(engine);
    }
    return done;
}

gboolean engine_is_busy(Engine *engine, const char *key)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&engine->mutex);

    return locks_is_held(engine->locks, key);
}

static gboolean take_over(Engine *engine, gboolean *ret_changed, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&engine->mutex);
    gboolean recovered, again;

    *ret_changed = FALSE;
    if (engine->running > 0) /* nobody else writes */
        return TRUE;
    if (!store_refresh(engine->store, ret_changed, error))
        return FALSE;
    if (*ret_changed)
        engine_look(engine);
    if (!*ret_changed || !engine->writes) /* who only reads leaves a crash to who writes */
        return TRUE;
    if (!store_take(engine->store, TRUE, &again, error))
        return FALSE;
    recovered = engine_recover(engine, error);
    engine_look(engine);
    store_release(engine->store);
    return recovered;
}

gboolean engine_refresh(Engine *engine, gboolean *ret_changed, GError **error)
{
    gint64 started = g_get_monotonic_time();
    gboolean taken = take_over(engine, ret_changed, error);

    if (*ret_changed)
        tell_end(engine, NULL, NULL, started);
    return taken;
}
