/* Carrying a plan out: what the transaction needs to know of it, and what is told of it afterwards.
 */
#include <string.h>

#include "engine_private.h"
#include "error.h"
#include "notes.h"
#include "verify.h"

static const Object *with_fetched(const GPtrArray *fetched, const Object *object)
{
    for (guint i = 0; i < fetched->len; i++) {
        const Object *more = fetched->pdata[i];

        if (strcmp(more->key, object->key) == 0)
            return more;
    }
    return object;
}

typedef struct {
    const GPtrArray *fetched;
    GPtrArray *put;
} Committing;

/* Only what really differs is written (LAW-2). */
static void add_other(GPtrArray *put, const Object *stored, const Object *object)
{
    if (stored == NULL || !json_equal(stored->spec, object->spec) ||
        !json_equal(stored->generated, object->generated) ||
        strcmp(stored->owner, object->owner) != 0)
        g_ptr_array_add(put, (gpointer)object);
}

static void add_put(const Object *before, const Object *after, void *data)
{
    const Committing *committing = data;

    if (after != NULL)
        add_other(committing->put, before, with_fetched(committing->fetched, after));
}

/* In the order of keys. */
static GPtrArray *objects_to_commit(const Plan *plan, const GPtrArray *fetched)
{
    Committing committing = {fetched, g_ptr_array_new()};

    snapshot_compare(plan->base, plan->next, add_put, &committing);
    /* Fetching may tell more of what the plan leaves as it is. */
    for (guint i = 0; i < fetched->len; i++) {
        const Object *object = fetched->pdata[i];
        const Object *stored = snapshot_get(plan->base, object->key);

        if (stored != NULL && stored == snapshot_get(plan->next, object->key))
            add_other(committing.put, stored, object);
    }
    g_ptr_array_sort(committing.put, object_compare);
    return committing.put;
}

static void add_removed(const Object *before, const Object *after, void *data)
{
    if (after == NULL)
        g_ptr_array_add(data, before->key);
}

static GPtrArray *keys_to_remove(const Plan *plan)
{
    GPtrArray *keys = g_ptr_array_new();

    snapshot_compare(plan->base, plan->next, add_removed, keys);
    return keys;
}

/* A later write of what waits for its confirmation is refused; how an object runs is none. */
static gboolean check_unconfirmed(Engine *engine, const Plan *plan, const GPtrArray *put,
                                  const GPtrArray *removed, GError **error)
{
    g_autoptr(GPtrArray) written = g_ptr_array_new();

    for (guint i = 0; i < put->len; i++) {
        const Object *object = put->pdata[i];
        const Object *stored = snapshot_get(plan->base, object->key);

        if (stored == NULL || !json_equal(stored->spec, object->spec) ||
            strcmp(stored->owner, object->owner) != 0)
            g_ptr_array_add(written, put->pdata[i]);
    }
    return (written->len == 0 && removed->len == 0) ||
           engine_check_unconfirmed(engine, written, removed, plan->reverts, error);
}

static GHashTable *needs_of(const Plan *plan, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autoptr(Order) order = NULL;

    for (guint i = 0; i < plan->objects->len; i++)
        g_ptr_array_add(keys, ((const PlanObject *)plan->objects->pdata[i])->key);
    order = order_new(plan->base, plan->next, keys, error);
    return order != NULL ? g_hash_table_ref(order->needs) : NULL;
}

/* One apply, for what is called back from its transaction. */
typedef struct {
    Engine *engine;
    const Plan *plan;
    const Verification *verification;
    const ApplyOptions *options;
} Carrying;

/* For TransactionRequest.write_along: how the objects are from this commit on (EN-48). What failed
 * was put back to what it was, and so is what is said of it. */
static gboolean write_conditions(void *data, GHashTable *failed, GError **error)
{
    const Carrying *carrying = data;
    const Plan *plan = carrying->plan;
    Store *store = carrying->engine->store;

    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];
        const char *key = object->key;
        const char *drift = verification_drift(carrying->verification, key);

        if (g_hash_table_contains(failed, key) || snapshot_get(plan->next, key) == NULL)
            continue;
        if (!store_set_condition(store, key, "Ready", TRUE, "applied", error) ||
            !store_set_condition(store, key, "Degraded", FALSE, "", error) ||
            !store_set_condition(store, key, "Drifted", drift != NULL, drift != NULL ? drift : "",
                                 error) ||
            !store_set_condition(store, key, "Stalled", FALSE, "", error) ||
            !store_set_condition(store, key, "RestartPending", object->pending,
                                 "stored, in force after a restart", error))
            return FALSE;
    }
    return TRUE;
}

/* LAW-8: what a rollback left is marked. */
static void mark_degraded(Engine *engine, const Plan *plan, const GError *failure)
{
    if (failure == NULL || failure->code != ERR_ROLLBACK_INCOMPLETE ||
        !store_begin(engine->store, FALSE, NULL))
        return;
    for (guint i = 0; i < plan->objects->len; i++) {
        const char *key = ((const PlanObject *)plan->objects->pdata[i])->key;

        store_set_condition(engine->store, key, "Degraded", TRUE, failure->message, NULL);
        store_set_condition(engine->store, key, "Ready", FALSE, failure->message, NULL);
    }
    store_end(engine->store, TRUE, NULL);
}

static gboolean is_allowed(const Plan *plan, GError **error)
{
    if (plan->blocked->len > 0) {
        g_autofree char *text = NULL;

        g_ptr_array_add(plan->blocked, NULL);
        text = g_strjoinv("\n", (char **)plan->blocked->pdata);
        g_ptr_array_set_size(plan->blocked, (gint)plan->blocked->len - 1);
        return error_set(error, plan->blocked_code, "%s", text);
    }
    return TRUE;
}

gboolean engine_may_write(Engine *engine, const Plan *plan, GError **error)
{
    g_autoptr(GPtrArray) fetched = g_ptr_array_new();
    g_autoptr(GPtrArray) put = objects_to_commit(plan, fetched);
    g_autoptr(GPtrArray) removed = keys_to_remove(plan);

    return is_allowed(plan, error) && check_unconfirmed(engine, plan, put, removed, error);
}

static void take_result(const Plan *plan, const Verification *verification,
                        TransactionResult *transaction, gint64 started, ApplyResult *ret_result)
{
    ret_result->generation = transaction->generation;
    ret_result->revert_at = transaction->revert_at;
    ret_result->steps_done = transaction->steps_done;
    ret_result->failed = g_steal_pointer(&transaction->failed);
    ret_result->restarted = g_steal_pointer(&transaction->restarted);
    ret_result->remade = g_steal_pointer(&transaction->remade);
    ret_result->warnings = g_steal_pointer(&transaction->warnings);
    ret_result->milliseconds = (g_get_monotonic_time() - started) / 1000;
    ret_result->pending = g_ptr_array_new_with_free_func(g_free);
    ret_result->drifted = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];
        const char *drift = verification_drift(verification, object->key);
        g_autofree char *label = object_key_label(object->key);

        if (drift != NULL)
            g_ptr_array_add(ret_result->drifted, g_strdup_printf("%s: %s", label, drift));
        if (object->pending)
            g_ptr_array_add(ret_result->pending, g_steal_pointer(&label));
    }
}

static void tell_committed(void *data)
{
    const Carrying *carrying = data;

    carrying->options->committed(carrying->options->committed_data, carrying->plan);
}

gboolean engine_carry_out(Engine *engine, const Plan *plan, const ApplyOptions *options,
                          ApplyResult *ret_result, GError **error)
{
    g_autoptr(GPtrArray) fetched = NULL;
    g_autoptr(GPtrArray) put = NULL;
    g_autoptr(GPtrArray) removed = keys_to_remove(plan);
    g_autoptr(Verification) verification = verification_new(engine->host, plan);
    g_autoptr(GHashTable) needs = NULL;
    g_autoptr(GError) failure = NULL;
    Carrying carrying = {engine, plan, verification, options};
    TransactionRequest request = {
        .store = engine->store,
        .host = engine->host,
        .steps = plan->steps,
        .keep_going = options->keep_going,
        .parallel = options->parallel,
        .timeout_seconds = options->timeout_seconds,
        .park_seconds = options->park_seconds,
        .confirm_seconds = options->confirm_seconds,
        .reverts = plan->reverts,
        .cancel = options->cancel,
        .progress = options->progress,
        .progress_data = options->progress_data,
        .verify = verification_run,
        .verify_data = verification,
        .write_along = write_conditions,
        .write_along_data = &carrying,
        .committed = options->committed != NULL ? tell_committed : NULL,
        .committed_data = &carrying,
    };
    TransactionResult transaction = {0};
    gint64 started = g_get_monotonic_time();
    gboolean done;

    memset(ret_result, 0, sizeof *ret_result);
    if (!is_allowed(plan, error))
        return FALSE;
    fetched = engine_fetched(engine, plan, error);
    if (fetched == NULL)
        return FALSE;
    put = objects_to_commit(plan, fetched);
    request.commit =
        (Commit){put,  removed,       options->cause,     plan->source, "done",
                 NULL, options->user, options->directory, plan->notes,  options->revision};
    if (!check_unconfirmed(engine, plan, put, removed, error))
        return FALSE;
    if (plan->steps->len == 0 && put->len == 0 && removed->len == 0 && plan->reverts == 0) {
        if (plan->notes != NULL && !notes_save(engine->store, plan->notes, error))
            return FALSE;
        take_result(plan, verification, &transaction, started, ret_result);
        return TRUE;
    }
    needs = needs_of(plan, error);
    if (needs == NULL)
        return FALSE;
    request.needs = needs;
    g_atomic_int_inc(&engine->carrying);
    if (!contents_keep(engine->sealed, plan->secrets, error)) {
        (void)g_atomic_int_dec_and_test(&engine->carrying);
        return FALSE;
    }
    done = transaction_run(&request, &transaction, &failure);
    if (!done && (failure->code == ERR_ROLLED_BACK || failure->code == ERR_INTERRUPTED))
        verification_of_rollback(verification, &failure);
    (void)g_atomic_int_dec_and_test(&engine->carrying);
    engine_sweep_secrets(engine);
    take_result(plan, done ? verification : NULL, &transaction, started, ret_result);
    transaction_result_clear(&transaction);
    if (!done) {
        mark_degraded(engine, plan, failure);
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    engine_fetch_end(engine, plan);
    if (ret_result->failed->len > 0) {
        g_autofree char *text = NULL;

        g_ptr_array_add(ret_result->failed, NULL);
        text = g_strjoinv("\n", (char **)ret_result->failed->pdata);
        g_ptr_array_set_size(ret_result->failed, (gint)ret_result->failed->len - 1);
        return error_set(error, ERR_PARTIAL,
                         "%u of %u objects failed and were undone, the others are kept:\n%s",
                         ret_result->failed->len, plan->objects->len, text);
    }
    return TRUE;
}

/* While something is fetched, other programs may write. */
static gboolean fetch_unlocked(Engine *engine, const Plan *plan, const ApplyOptions *options,
                               GError **error)
{
    gboolean done, changed;

    if (!is_allowed(plan, error))
        return FALSE;
    if (engine_has_all(engine, plan))
        return TRUE;
    store_release(engine->store);
    done = engine_fetch(engine, plan, options, error);
    if (!store_take(engine->store, TRUE, &changed, done ? error : NULL) || !done)
        return FALSE;
    return !changed || engine_recover(engine, error);
}

gboolean engine_apply(Engine *engine, const Plan *plan, const ApplyOptions *options,
                      ApplyResult *ret_result, GError **error)
{
    gboolean done;

    memset(ret_result, 0, sizeof *ret_result);
    if (!fetch_unlocked(engine, plan, options, error))
        return FALSE;
    if (plan->revision != engine->revision)
        return error_set(error, ERR_CONFLICT,
                         "the plan was made for revision %" G_GINT64_FORMAT
                         ", but revision %" G_GINT64_FORMAT " is in force; plan again",
                         plan->revision, engine->revision);
    done = engine_carry_out(engine, plan, options, ret_result, error);
    engine_look(engine);
    return done;
}
