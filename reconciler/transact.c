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

/* A plan that a thread makes under the mutex. */
typedef struct {
    Engine *engine;
    gboolean writes;  /* it is to be carried out */
    gboolean wait;    /* for who is in the way */
    gboolean entered; /* see enter() */
    gboolean paused;
} Planning;

static _Thread_local Planning *planning;

void engine_pause(void *data, gboolean on)
{
    Engine *engine = data;

    if (planning == NULL) /* nobody waits for this thread */
        return;
    if (on) {
        if (planning->entered)
            leave(engine);
        planning->entered = FALSE;
        g_mutex_unlock(&engine->mutex);
    } else {
        g_mutex_lock(&engine->mutex);
        planning->paused = TRUE;
    }
}

/* The mutex is held. What was made while others could write is made again: what took long is known
 * then. */
static Plan *plan_now(Planning *own, PlanFunction make, void *data, GError **error)
{
    for (;;) {
        g_autoptr(Plan) plan = NULL;

        if (own->writes && !own->entered && !enter(own->engine, own->wait, error))
            return NULL;
        own->entered = own->writes;
        own->paused = FALSE;
        engine_look(own->engine);
        planning = own;
        plan = make(own->engine, data, error);
        planning = NULL;
        if (plan == NULL || !own->paused)
            return g_steal_pointer(&plan);
    }
}

/* Plans until nobody is in the way. The mutex is held. */
static Plan *plan_and_lock(Planning *own, PlanFunction make, void *data, LockSet **ret_set,
                           GError **error)
{
    for (;;) {
        g_autoptr(Plan) plan = plan_now(own, make, data, error);
        g_autoptr(LockSet) set = NULL;

        if (plan == NULL)
            return NULL;
        set = lock_set_of_plan(plan);
        if (locks_try(own->engine->locks, set)) {
            *ret_set = g_steal_pointer(&set);
            return g_steal_pointer(&plan);
        }
        if (!own->wait) {
            error_set(error, ERR_BUSY, "another transaction is at work on these objects");
            return NULL;
        }
        g_cond_wait(&own->engine->released, &own->engine->mutex);
    }
}

static void let_go(Planning *own, LockSet **set)
{
    if (*set != NULL)
        locks_release(own->engine->locks, *set);
    g_clear_pointer(set, lock_set_free);
    if (own->entered)
        leave(own->engine);
    own->entered = FALSE;
}

/* Plans, and has all here that the plan needs from elsewhere. The mutex is held, but not while
 * something is fetched. FALSE with an error; `ret_plan` is the plan either way. */
static gboolean plan_with_all(Planning *own, PlanFunction make, void *data,
                              const ApplyOptions *options, LockSet **ret_set, Plan **ret_plan,
                              GError **error)
{
    Engine *engine = own->engine;

    for (;;) {
        gboolean fetched;

        *ret_plan = plan_and_lock(own, make, data, ret_set, error);
        if (*ret_plan == NULL)
            return FALSE;
        if ((*ret_plan)->blocked->len > 0 || engine_has_all(engine, *ret_plan))
            return TRUE;
        let_go(own, ret_set);
        g_mutex_unlock(&engine->mutex);
        fetched = engine_fetch(engine, *ret_plan, options, error);
        g_mutex_lock(&engine->mutex);
        if (!fetched)
            return FALSE;
        g_clear_pointer(ret_plan, plan_free);
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
    Planning own = {.engine = engine, .writes = TRUE, .wait = !options->no_wait};
    g_autoptr(Plan) plan = NULL;
    g_autoptr(GError) failure = NULL;
    gint64 started = g_get_monotonic_time();
    LockSet *set = NULL;
    gboolean done;

    memset(ret_result, 0, sizeof *ret_result);
    g_mutex_lock(&engine->mutex);
    done = plan_with_all(&own, make, data, options, &set, &plan, &failure);
    if (done) {
        g_mutex_unlock(&engine->mutex);
        done = engine_carry_out(engine, plan, options, ret_result, &failure);
        g_mutex_lock(&engine->mutex);
        engine_look(engine);
    }
    let_go(&own, &set);
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
    Planning own = {.engine = engine};

    return plan_now(&own, make, data, error);
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

/* Deleting takes long: other transactions of this program go on meanwhile. */
gboolean engine_purge_due(Engine *engine, guint *ret_count, GError **error)
{
    gboolean done;

    g_mutex_lock(&engine->mutex);
    done = enter(engine, TRUE, error);
    g_mutex_unlock(&engine->mutex);
    if (!done)
        return FALSE;
    done = engine_purge(engine, NULL, FALSE, ret_count, error);
    g_mutex_lock(&engine->mutex);
    leave(engine);
    g_mutex_unlock(&engine->mutex);
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
