/* Carrying a plan out: what the transaction needs to know of it, what is verified, what a rollback
 * must have brought back. */
#include <string.h>

#include "engine_private.h"
#include "error.h"
#include "facts.h"
#include "notes.h"

typedef struct {
    Engine *engine;
    const Plan *plan;
    GHashTable *stepped; /* key -> GPtrArray of paths (borrowed) that steps set */
} Applying;

static const PlanObject *plan_object(const Plan *plan, const char *key)
{
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        if (strcmp(object->key, key) == 0)
            return object;
    }
    return NULL;
}

static GHashTable *paths_by_key(const Plan *plan)
{
    GHashTable *paths =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);

    for (guint i = 0; i < plan->steps->len; i++) {
        const PlanStep *step = plan->steps->pdata[i];
        GPtrArray *list = g_hash_table_lookup(paths, step->object);

        if (list == NULL) {
            list = g_ptr_array_new();
            g_hash_table_insert(paths, step->object, list);
        }
        g_ptr_array_add(list, step->step.path);
    }
    return paths;
}

/* Looks again at the objects that had steps. `old` looks at them as they were before the plan.
 * Returns facts by key. */
static GHashTable *observe_stepped(Applying *applying, gboolean old, GHashTable *failed,
                                   GError **error)
{
    const Plan *plan = applying->plan;
    Host *host = applying->engine->host;
    g_autoptr(json_t) facts = host_facts(host, error);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autoptr(GArray) sights = g_array_new(FALSE, FALSE, sizeof(Sight));
    g_autoptr(GPtrArray) observed = NULL;
    Context before = {plan->base, facts, host->dir, host->seed, NULL, TRUE};
    Context after = {plan->next, facts, host->dir, host->seed, NULL, FALSE};
    GHashTable *by_key;
    GHashTableIter iter;
    gpointer key;

    if (facts == NULL)
        return NULL;
    g_hash_table_iter_init(&iter, applying->stepped);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const PlanObject *object = plan_object(plan, key);
        gboolean as_stored = old ? object->stored != NULL : object->wanted == NULL;
        gboolean renamed = object->stored != NULL && object->wanted != NULL &&
                           strcmp(object->stored->key, object->wanted->key) != 0;
        Sight stored = {object->stored, &before, NULL, NULL};
        Sight wanted = {object->wanted, &after, NULL, NULL};

        if (failed != NULL && g_hash_table_contains(failed, key))
            continue;
        if (!renamed && object->stored != NULL && object->wanted != NULL) {
            wanted.former = object->stored;
            wanted.former_context = &before;
            as_stored = FALSE;
        }
        g_ptr_array_add(keys, key);
        g_array_append_val(sights, *(as_stored ? &stored : &wanted));
    }
    observed = planner_observe(host, sights, error);
    if (observed == NULL)
        return NULL;
    by_key = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)json_decref);
    for (guint i = 0; i < keys->len; i++)
        g_hash_table_insert(by_key, keys->pdata[i], json_incref(observed->pdata[i]));
    return by_key;
}

static gboolean mismatch(const char *key, const char *path, const json_t *is, const json_t *should,
                         GError **error)
{
    g_autofree char *label = object_key_label(key);
    g_autoptr(json_t) plain = should != NULL ? facts_without_arguments(should) : NULL;
    g_autofree char *is_text = is != NULL ? json_text(is) : g_strdup("absent");
    g_autofree char *should_text = plain != NULL ? json_text(plain) : g_strdup("absent");

    return error_set(error, ERR_FAILED,
                     "%s: %s is not as it should be after the apply: it is %s, not %s", label, path,
                     is_text, should_text);
}

static const FactRow *row_of(const Plan *plan, const char *key, const char *path)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const PlanStep *step = plan->steps->pdata[i];

        if (strcmp(step->object, key) == 0 && strcmp(step->step.path, path) == 0)
            return step->row;
    }
    return NULL;
}

/* What ran once and is done is not there any more, which is no failure (EN-35). */
static gboolean has_ended(const Applying *applying, const char *key, const char *path)
{
    const FactRow *row = row_of(applying->plan, key, path);

    return row != NULL && host_has_ended(applying->engine->host, row, key);
}

/* Compares what the steps set, and only that: what somebody else changed meanwhile is drift, not a
 * failure (EN-30). */
static gboolean verify(void *data, GHashTable *failed, GError **error)
{
    Applying *applying = data;
    g_autoptr(GHashTable) observed = NULL;
    GHashTableIter iter;
    gpointer key, facts;

    if (g_hash_table_size(applying->stepped) == 0) /* nothing was done to the host */
        return TRUE;
    observed = observe_stepped(applying, FALSE, failed, error);
    if (observed == NULL)
        return FALSE;
    g_hash_table_iter_init(&iter, observed);
    while (g_hash_table_iter_next(&iter, &key, &facts)) {
        const PlanObject *object = plan_object(applying->plan, key);
        const GPtrArray *paths = g_hash_table_lookup(applying->stepped, key);

        for (guint i = 0; i < paths->len; i++) {
            const json_t *is = json_at(facts, paths->pdata[i]);
            const json_t *should = json_at(object->expected, paths->pdata[i]);

            if (!facts_equal(is, should) &&
                !(is == NULL && has_ended(applying, key, paths->pdata[i])))
                return mismatch(key, paths->pdata[i], is, should, error);
        }
    }
    return TRUE;
}

/* Puts one object back to what it was observed to be, step by step; what fails is told by the
 * comparison that follows. */
static void put_back(Applying *applying, const PlanObject *object, const json_t *is)
{
    const Object *any = object->stored != NULL ? object->stored : object->wanted;
    g_autoptr(json_t) whole = facts_with_arguments(is, object->expected);
    g_autoptr(GPtrArray) changes = facts_diff(DRIVERS[any->id.kind], whole, object->observed, NULL);

    for (guint i = 0; changes != NULL && i < changes->len; i++) {
        const FactChange *change = changes->pdata[i];
        Step step = {.name = (char *)change->row->name,
                     .key = object->stored != NULL ? object->stored->key : object->key,
                     .path = change->path,
                     .from = change->from,
                     .to = change->to,
                     .tx = (char *)"rollback"};

        /* Data that is gone is not made up. */
        if (change->row->purge != NULL && change->from == NULL)
            continue;
        host_ensure(applying->engine->host, &step, NULL);
    }
}

/* The facts of an object that are not as they were before the plan; NULL when they are. */
static char *left_over(const PlanObject *object, const json_t *is)
{
    const Object *any = object->stored != NULL ? object->stored : object->wanted;
    g_autoptr(GPtrArray) changes = NULL;
    g_autofree char *label = NULL;
    GString *text;

    if (facts_equal(is, object->observed))
        return NULL;
    label = object_key_label(object->key);
    text = g_string_new(label);
    changes = facts_diff(DRIVERS[any->id.kind], is, object->observed, NULL);
    for (guint i = 0; changes != NULL && i < changes->len; i++)
        g_string_append_printf(text, "%s%s", i == 0 ? ": " : ", ",
                               ((const FactChange *)changes->pdata[i])->path);
    return g_string_free(text, FALSE);
}

/* After a rollback the host must show what it showed before (LAW-3); if not, it is put right once,
 * else exit 4. */
static void check_rollback(Applying *applying, GError **error)
{
    g_autoptr(GString) differences = g_string_new(NULL);
    g_autoptr(GError) failure = NULL;

    for (guint attempt = 0; attempt < 2; attempt++) {
        g_autoptr(GHashTable) observed = observe_stepped(applying, TRUE, NULL, &failure);
        GHashTableIter iter;
        gpointer key, facts;

        g_string_truncate(differences, 0);
        if (observed == NULL)
            break;
        g_hash_table_iter_init(&iter, observed);
        while (g_hash_table_iter_next(&iter, &key, &facts)) {
            const PlanObject *object = plan_object(applying->plan, key);
            g_autofree char *text = left_over(object, facts);

            if (text == NULL)
                continue;
            g_string_append_printf(differences, "\n  %s", text);
            if (attempt == 0)
                put_back(applying, object, facts);
        }
        if (differences->len == 0)
            return;
    }
    if (error != NULL && *error != NULL) {
        g_autoptr(GError) first = *error;

        *error = NULL;
        error_set(error, ERR_ROLLBACK_INCOMPLETE, "%s\nthe host is not as it was before:%s",
                  first->message, failure != NULL ? failure->message : differences->str);
    }
}

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

static gboolean set_conditions(Engine *engine, const Plan *plan, const TransactionResult *result,
                               GError **error)
{
    gboolean set = store_begin(engine->store, FALSE, error);

    for (guint i = 0; set && i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        if (snapshot_get(store_snapshot(engine->store), object->key) == NULL)
            continue;
        set = store_set_condition(engine->store, object->key, "Ready", TRUE, "applied", error) &&
              store_set_condition(engine->store, object->key, "Degraded", FALSE, "", error) &&
              store_set_condition(engine->store, object->key, "Drifted", FALSE, "", error) &&
              store_set_condition(engine->store, object->key, "Stalled", FALSE, "", error) &&
              store_set_condition(engine->store, object->key, "RestartPending", object->pending,
                                  "stored, in force after a restart", error);
    }
    return set ? store_end(engine->store, TRUE, error)
               : (store_end(engine->store, FALSE, NULL), FALSE);
}

/* LAW-8: what a rollback left is marked. */
static void mark_degraded(Engine *engine, const Plan *plan, const GError *failure)
{
    if (failure == NULL || failure->code != ERR_ROLLBACK_INCOMPLETE ||
        !store_begin(engine->store, FALSE, NULL))
        return;
    for (guint i = 0; i < plan->objects->len; i++)
        store_set_condition(engine->store, ((const PlanObject *)plan->objects->pdata[i])->key,
                            "Degraded", TRUE, failure->message, NULL);
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

static void take_result(const Plan *plan, TransactionResult *transaction, gint64 started,
                        ApplyResult *ret_result)
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
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        if (object->pending)
            g_ptr_array_add(ret_result->pending, object_key_label(object->key));
    }
}

typedef struct {
    const ApplyOptions *options;
    const Plan *plan;
} Committed;

static void tell_committed(void *data)
{
    const Committed *committed = data;

    committed->options->committed(committed->options->committed_data, committed->plan);
}

gboolean engine_carry_out(Engine *engine, const Plan *plan, const ApplyOptions *options,
                          ApplyResult *ret_result, GError **error)
{
    g_autoptr(GPtrArray) fetched = NULL;
    g_autoptr(GPtrArray) put = NULL;
    g_autoptr(GPtrArray) removed = keys_to_remove(plan);
    g_autoptr(GHashTable) stepped = paths_by_key(plan);
    g_autoptr(GHashTable) needs = NULL;
    g_autoptr(GError) failure = NULL;
    Applying applying = {engine, plan, stepped};
    Committed committed = {options, plan};
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
        .verify = verify,
        .verify_data = &applying,
        .committed = options->committed != NULL ? tell_committed : NULL,
        .committed_data = &committed,
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
        take_result(plan, &transaction, started, ret_result);
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
        check_rollback(&applying, &failure);
    (void)g_atomic_int_dec_and_test(&engine->carrying);
    engine_sweep_secrets(engine);
    take_result(plan, &transaction, started, ret_result);
    transaction_result_clear(&transaction);
    if (!done) {
        mark_degraded(engine, plan, failure);
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    engine_fetch_end(engine, plan);
    if (!set_conditions(engine, plan, &transaction, error))
        return FALSE;
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
