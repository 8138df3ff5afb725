#include "transaction.h"

#include <string.h>

#include "barrier.h"
#include "error.h"
#include "meter.h"
#include "pending.h"

/* Bytes of a running step change so often what is told. */
#define TELL_EVERY_US (100 * 1000)

/* How far one step is: written by its worker, read by the owner thread. */
typedef struct {
    Transaction *t;
    guint64 bytes, bytes_total;
    guint64 told;     /* of bytes */
    gint64 told_last; /* when */
} Gauge;

struct Transaction {
    const TransactionRequest *request;
    char *tx;
    GPtrArray *steps; /* of Step *: the plan's, with this transaction's id */
    StepState *states;
    Gauge *gauges;
    GThread *owner;
    GArray *begun;      /* of guint: positions in the order in which they began */
    GHashTable *failed; /* set of keys; with keep_going */
    Barrier barrier;
    TransactionResult result;
};

static const PlanStep *plan_step_at(const Transaction *t, guint position)
{
    return t->request->steps->pdata[position];
}

void transaction_result_clear(TransactionResult *result)
{
    g_clear_pointer(&result->failed, g_ptr_array_unref);
    g_clear_pointer(&result->restarted, g_ptr_array_unref);
    g_clear_pointer(&result->remade, g_ptr_array_unref);
    g_clear_pointer(&result->warnings, g_ptr_array_unref);
}

static char *new_id(void)
{
    g_autofree char *uuid = g_uuid_string_random();

    return g_strndup(uuid, 8);
}

Transaction *transaction_open(const TransactionRequest *request, GError **error)
{
    g_autofree char *boot = host_boot_id(request->host);
    g_autofree char *tx = new_id();
    Transaction *t;

    if (request->steps->len > 0 &&
        !journal_open(request->store, tx, boot, request->commit.cause, request->steps, error))
        return NULL;
    t = g_new0(Transaction, 1);
    t->request = request;
    t->tx = g_steal_pointer(&tx);
    t->steps = g_ptr_array_new_with_free_func((GDestroyNotify)step_free);
    t->states = g_new0(StepState, MAX(request->steps->len, 1));
    t->gauges = g_new0(Gauge, MAX(request->steps->len, 1));
    t->owner = g_thread_self();
    t->begun = g_array_new(FALSE, FALSE, sizeof(guint));
    t->failed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    t->result.failed = g_ptr_array_new_with_free_func(g_free);
    t->result.restarted = g_ptr_array_new_with_free_func(g_free);
    t->result.remade = g_ptr_array_new_with_free_func(g_free);
    t->result.warnings = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < request->steps->len; i++)
        g_ptr_array_add(t->steps, step_copy(&plan_step_at(t, i)->step, t->tx));
    return t;
}

void transaction_free(Transaction *t, TransactionResult *ret_result)
{
    if (t == NULL)
        return;
    barrier_end(&t->barrier, NULL);
    if (ret_result != NULL)
        *ret_result = t->result;
    else
        transaction_result_clear(&t->result);
    g_free(t->tx);
    g_ptr_array_unref(t->steps);
    g_free(t->states);
    g_free(t->gauges);
    g_array_unref(t->begun);
    g_hash_table_unref(t->failed);
    g_free(t);
}

static void tell(Transaction *t, guint position)
{
    Gauge *gauge = &t->gauges[position];
    ProgressCount count = {t->result.steps_done, t->steps->len,
                           __atomic_load_n(&gauge->bytes, __ATOMIC_RELAXED),
                           __atomic_load_n(&gauge->bytes_total, __ATOMIC_RELAXED)};

    gauge->told = count.bytes;
    gauge->told_last = g_get_monotonic_time();
    if (t->request->progress != NULL)
        t->request->progress(t->request->progress_data, t->steps->pdata[position],
                             t->states[position], &count);
}

static void report(Transaction *t, guint position, StepState state)
{
    t->states[position] = state;
    if (state == STEP_DONE)
        t->result.steps_done++;
    tell(t, position);
}

/* Tells of running steps whose bytes have changed. */
static void report_bytes(Transaction *t)
{
    for (guint i = 0; t->request->progress != NULL && i < t->steps->len; i++) {
        const Gauge *gauge = &t->gauges[i];

        if (t->states[i] == STEP_RUNNING &&
            __atomic_load_n(&gauge->bytes, __ATOMIC_RELAXED) != gauge->told &&
            g_get_monotonic_time() - gauge->told_last >= TELL_EVERY_US)
            tell(t, i);
    }
}

/* Meter.tell of a step. */
static void on_bytes(void *data, guint64 done, guint64 total)
{
    Gauge *gauge = data;

    __atomic_store_n(&gauge->bytes, done, __ATOMIC_RELAXED);
    __atomic_store_n(&gauge->bytes_total, total, __ATOMIC_RELAXED);
    if (g_thread_self() == gauge->t->owner)
        report_bytes(gauge->t);
}

static gboolean carry_out(Transaction *t, guint position, GError **error)
{
    Gauge *gauge = &t->gauges[position];
    const Meter meter = {on_bytes, gauge};
    const Meter *before = meter_listen(&meter);
    gboolean done;

    *gauge = (Gauge){.t = t};
    done =
        plan_step_do(t->request->host, plan_step_at(t, position), t->steps->pdata[position], error);
    meter_listen(before);
    return done;
}

static void begin_step(Transaction *t, guint position)
{
    g_array_append_val(t->begun, position);
    report(t, position, STEP_RUNNING);
}

gboolean transaction_do(Transaction *t, guint position, GError **error)
{
    gboolean done;

    begin_step(t, position);
    done = carry_out(t, position, error);
    report(t, position, done ? STEP_DONE : STEP_FAILED);
    return done && journal_note(t->request->store, t->tx, position, STEP_DONE, error);
}

static void add_once(GPtrArray *labels, const char *key)
{
    g_autofree char *label = object_key_label(key);

    if (!g_ptr_array_find_with_equal_func(labels, label, g_str_equal, NULL))
        g_ptr_array_add(labels, g_steal_pointer(&label));
}

static gboolean undo_one(Transaction *t, guint position, GError **error)
{
    const PlanStep *plan_step = plan_step_at(t, position);
    const Step *step = t->steps->pdata[position];

    if (!plan_step_undo(t->request->host, plan_step, step, error))
        return FALSE;
    if (plan_step->final)
        add_once(t->result.remade, plan_step->object);
    report(t, position, STEP_UNDONE);
    if (plan_step->row->irreversible != NULL && step->from != NULL)
        g_ptr_array_add(t->result.restarted, object_key_label(plan_step->object));
    return TRUE;
}

/* Undoes the begun steps for which `wanted` says so (NULL: all), newest first; failures are added
 * to `failures`. A change may need the same thing in both directions (a server its address), which
 * is undone only after it: what fails is tried once more when all the rest is undone. */
static void undo_begun(Transaction *t, GHashTable *keys, GString *failures)
{
    g_autoptr(GArray) again = g_array_new(FALSE, FALSE, sizeof(guint));

    for (guint i = t->begun->len; i > 0; i--) {
        guint position = g_array_index(t->begun, guint, i - 1);

        if ((keys != NULL && !g_hash_table_contains(keys, plan_step_at(t, position)->object)) ||
            t->states[position] == STEP_UNDONE)
            continue;
        if (!undo_one(t, position, NULL))
            g_array_append_val(again, position);
    }
    for (guint i = again->len; i > 0; i--) {
        guint position = g_array_index(again, guint, i - 1);
        const Step *step = t->steps->pdata[position];
        g_autoptr(GError) failure = NULL;
        g_autofree char *label = NULL;

        if (undo_one(t, position, &failure))
            continue;
        report(t, position, STEP_UNDO_FAILED);
        label = object_key_label(step->key);
        g_string_append_printf(failures, "\n  %s: undo of %s (%s): %s", label, step->name,
                               step->path, failure->message);
    }
}

void transaction_undo(Transaction *t, GError *cause, GError **error)
{
    g_autoptr(GString) failures = g_string_new(NULL);
    g_autoptr(GError) first = cause;
    g_autoptr(GError) closing = NULL;

    undo_begun(t, NULL, failures);
    if (failures->len == 0 && t->steps->len > 0 &&
        !journal_close(t->request->store, t->tx, &closing))
        g_string_append_printf(failures, "\n  %s", closing->message);
    if (failures->len > 0)
        error_set(error, ERR_ROLLBACK_INCOMPLETE, "%s\nthe rollback is incomplete:%s",
                  first->message, failures->str);
    else if (first->domain == BERTH_ERROR && first->code == ERR_INTERRUPTED)
        error_set(error, ERR_INTERRUPTED, "%s; everything was undone", first->message);
    else
        error_set(error, ERR_ROLLED_BACK, "%s; everything was undone", first->message);
}

static gboolean queue_parked(Transaction *t, GError **error)
{
    const TransactionRequest *request = t->request;
    gint64 until = t->result.revert_at != 0
                       ? PARKED_FOR_EVER
                       : g_get_real_time() / G_USEC_PER_SEC + request->park_seconds;

    for (guint i = 0; i < t->steps->len; i++) {
        const Step *step = t->steps->pdata[i];

        if (t->states[i] != STEP_DONE)
            continue;
        if (plan_step_at(t, i)->purges &&
            !parked_add(request->store, step,
                        snapshot_get(store_snapshot(request->store), step->key), until, error))
            return FALSE;
        if (plan_step_at(t, i)->step.tx != NULL &&
            !parked_forget(request->store, step->tx, step->key, error))
            return FALSE;
    }
    return TRUE;
}

static GPtrArray *without_failed_objects(Transaction *t, const GPtrArray *objects)
{
    GPtrArray *kept = g_ptr_array_new();

    for (guint i = 0; i < objects->len; i++) {
        if (!g_hash_table_contains(t->failed, ((const Object *)objects->pdata[i])->key))
            g_ptr_array_add(kept, objects->pdata[i]);
    }
    return kept;
}

static GPtrArray *without_failed_keys(Transaction *t, const GPtrArray *keys)
{
    GPtrArray *kept = g_ptr_array_new();

    for (guint i = 0; i < keys->len; i++) {
        if (!g_hash_table_contains(t->failed, keys->pdata[i]))
            g_ptr_array_add(kept, keys->pdata[i]);
    }
    return kept;
}

/* What is to be confirmed, or is taken back, by this commit (EN-33). */
static gboolean note_confirmation(Transaction *t, GError **error)
{
    const TransactionRequest *request = t->request;

    if (request->reverts != 0 && !pending_forget(request->store, request->reverts, error))
        return FALSE;
    if (request->confirm_seconds == 0 || t->result.generation == 0)
        return TRUE;
    t->result.revert_at = g_get_real_time() / G_USEC_PER_SEC + request->confirm_seconds;
    return pending_add(request->store, t->result.generation, t->tx, t->result.revert_at,
                       request->park_seconds, error);
}

/* From the durable commit to the new snapshot nobody else commits. */
static gboolean write_commit(Transaction *t, const Commit *commit, GError **error)
{
    const TransactionRequest *request = t->request;
    g_autoptr(GRecMutexLocker) held = store_hold(request->store);

    if (!store_begin(request->store, TRUE, error))
        return FALSE;
    if (!store_commit(request->store, commit, &t->result.generation, error) ||
        !note_confirmation(t, error) || !queue_parked(t, error) ||
        !journal_close(request->store, t->tx, error)) {
        store_end(request->store, FALSE, NULL);
        return FALSE;
    }
    if (!store_end(request->store, TRUE, error))
        return FALSE;
    store_publish(request->store, commit);
    if (request->committed != NULL)
        request->committed(request->committed_data);
    return TRUE;
}

/* One that is under way began after the last write, unless failed objects were undone since. */
static gboolean sync_disks(Transaction *t, GError **error)
{
    gboolean begun = t->barrier.thread != NULL;

    if (!barrier_end(&t->barrier, error))
        return FALSE;
    return (begun && g_hash_table_size(t->failed) == 0) || !barrier_needed(t->request->steps) ||
           host_barrier(t->request->host, error);
}

gboolean transaction_commit(Transaction *t, GError **error)
{
    const TransactionRequest *request = t->request;
    g_autoptr(GPtrArray) put = without_failed_objects(t, request->commit.put);
    g_autoptr(GPtrArray) removed = without_failed_keys(t, request->commit.remove);
    g_autoptr(GError) purging = NULL;
    Commit commit = request->commit;
    guint purged;

    commit.put = put;
    commit.remove = removed;
    commit.result = g_hash_table_size(t->failed) > 0 ? "partial" : "done";
    if (request->verify != NULL && !request->verify(request->verify_data, t->failed, error))
        return FALSE;
    if (!sync_disks(t, error) || !write_commit(t, &commit, error))
        return FALSE;
    /* The commit stands from here on: what cannot be purged now is tried again later. */
    if (!parked_purge(request->store, request->host, NULL, FALSE, &purged, &purging))
        g_ptr_array_add(t->result.warnings,
                        g_strdup_printf("parked data is kept for now: %s", purging->message));
    return TRUE;
}

/* ---- running steps side by side ---- */

typedef struct {
    Transaction *t;
    guint position;
    GError *error;
    GAsyncQueue *results;
} Job;

typedef struct {
    Transaction *t;
    GThreadPool *pool; /* NULL: in the calling thread */
    GAsyncQueue *results;
    guint limits[CLASS_MAX];
    guint running[CLASS_MAX];
    guint total_running;
    Phase phase;
    gint64 deadline;
    GError *first;
} Run;

static void work(gpointer data, gpointer user_data)
{
    Job *job = data;

    carry_out(job->t, job->position, &job->error);
    g_async_queue_push(job->results, job);
}

static gboolean is_settled(const Transaction *t, guint position)
{
    return t->states[position] == STEP_DONE || t->states[position] == STEP_FAILED ||
           (t->states[position] == STEP_WAITING &&
            g_hash_table_contains(t->failed, plan_step_at(t, position)->object));
}

static gboolean is_ready(const Run *run, guint position)
{
    const PlanStep *plan_step = plan_step_at(run->t, position);

    if (run->t->states[position] != STEP_WAITING || plan_step->phase != run->phase ||
        g_hash_table_contains(run->t->failed, plan_step->object))
        return FALSE;
    if (run->running[plan_step->row->step_class] >= run->limits[plan_step->row->step_class])
        return FALSE;
    for (guint i = 0; i < plan_step->after->len; i++) {
        if (!is_settled(run->t, g_array_index(plan_step->after, guint, i)))
            return FALSE;
    }
    return TRUE;
}

/* The lowest phase that has an unsettled step; PHASE_MAX when all are done. */
static Phase current_phase(const Run *run)
{
    Phase lowest = PHASE_MAX;

    for (guint i = 0; i < run->t->steps->len; i++) {
        if (!is_settled(run->t, i))
            lowest = MIN(lowest, plan_step_at(run->t, i)->phase);
    }
    return lowest;
}

static void launch_ready(Run *run)
{
    run->phase = current_phase(run);
    for (guint i = 0; i < run->t->steps->len; i++) {
        Job *job;

        if (!is_ready(run, i))
            continue;
        job = g_new0(Job, 1);
        *job = (Job){run->t, i, NULL, run->results};
        begin_step(run->t, i);
        run->running[plan_step_at(run->t, i)->row->step_class]++;
        run->total_running++;
        if (run->pool != NULL) {
            g_thread_pool_push(run->pool, job, NULL);
        } else {
            work(job, NULL);
            return; /* one at a time: a failure must stop the next */
        }
    }
}

/* An object fails with those that refer to it and those whose steps wait for its steps. */
static void fail_with_dependents(Run *run, const char *key)
{
    Transaction *t = run->t;
    GHashTableIter iter;
    gpointer other, needed;

    if (!g_hash_table_add(t->failed, g_strdup(key)))
        return;
    g_hash_table_iter_init(&iter, t->request->needs);
    while (g_hash_table_iter_next(&iter, &other, &needed)) {
        if (g_ptr_array_find_with_equal_func(needed, key, g_str_equal, NULL))
            fail_with_dependents(run, other);
    }
    for (guint i = 0; i < t->steps->len; i++) {
        const PlanStep *plan_step = plan_step_at(t, i);

        if (strcmp(plan_step->object, key) == 0) { /* a rename that fails keeps the old name too */
            g_hash_table_add(t->failed, g_strdup(plan_step->step.key));
            if (plan_step->step.from_key != NULL)
                g_hash_table_add(t->failed, g_strdup(plan_step->step.from_key));
        }
        for (guint j = 0; j < plan_step->after->len; j++) {
            if (strcmp(plan_step_at(t, g_array_index(plan_step->after, guint, j))->object, key) ==
                0)
                fail_with_dependents(run, plan_step->object);
        }
    }
}

static void settle(Run *run, Job *job)
{
    Transaction *t = run->t;
    const Step *step = t->steps->pdata[job->position];
    g_autofree char *label = object_key_label(step->key);
    gboolean done = job->error == NULL;

    run->running[plan_step_at(t, job->position)->row->step_class]--;
    run->total_running--;
    report(t, job->position, done ? STEP_DONE : STEP_FAILED);
    if (done) {
        journal_note(t->request->store, t->tx, job->position, STEP_DONE,
                     run->first == NULL ? &run->first : NULL);
    } else {
        g_prefix_error(&job->error, "%s: %s: ", label, step->name);
        if (t->request->keep_going) {
            g_ptr_array_add(t->result.failed, g_strdup(job->error->message));
            fail_with_dependents(run, plan_step_at(t, job->position)->object);
        } else if (run->first == NULL) {
            run->first = g_steal_pointer(&job->error);
        }
    }
    g_clear_error(&job->error);
    g_free(job);
}

static gboolean is_stopped(Run *run)
{
    const TransactionRequest *request = run->t->request;

    if (run->first == NULL && request->cancel != NULL && g_atomic_int_get(request->cancel) != 0)
        error_set(&run->first, ERR_INTERRUPTED, "interrupted");
    if (run->first == NULL && run->deadline != 0 && g_get_monotonic_time() > run->deadline)
        error_set(&run->first, ERR_FAILED, "not done within %" G_GINT64_FORMAT " s",
                  request->timeout_seconds);
    return run->first != NULL;
}

/* While a container starts, what was written for it is on its way to the disk. */
static void begin_barrier(Run *run)
{
    Transaction *t = run->t;

    if (run->pool != NULL && t->barrier.thread == NULL && run->first == NULL &&
        barrier_is_due(t->request->steps, t->states))
        barrier_begin(&t->barrier, t->request->host);
}

static void run_steps(Run *run)
{
    for (;;) {
        Job *job;

        begin_barrier(run);
        if (!is_stopped(run))
            launch_ready(run);
        if (run->total_running == 0)
            return;
        /* Wakes now and then for cancel and the deadline while work is under way. */
        job = g_async_queue_timeout_pop(run->results, TELL_EVERY_US);
        if (job != NULL)
            settle(run, job);
        report_bytes(run->t);
    }
}

static gboolean undo_failed_objects(Transaction *t, GError **error)
{
    g_autoptr(GString) failures = g_string_new(NULL);

    undo_begun(t, t->failed, failures);
    if (failures->len > 0)
        return error_set(error, ERR_FAILED, "a failed object could not be undone:%s",
                         failures->str);
    return TRUE;
}

static GError *run_all(Transaction *t)
{
    const TransactionRequest *request = t->request;
    guint cpus = g_get_num_processors();
    guint parallel = request->parallel != 0 ? request->parallel : MAX(8, 2 * cpus);
    Run run = {.t = t,
               .results = g_async_queue_new(),
               .limits = {[CLASS_LIGHT] = parallel,
                          [CLASS_COPY] = MIN(parallel, MAX(2, cpus)),
                          [CLASS_START] = parallel}};

    if (request->timeout_seconds > 0)
        run.deadline = g_get_monotonic_time() + request->timeout_seconds * G_USEC_PER_SEC;
    if (parallel > 1)
        run.pool = g_thread_pool_new(work, NULL, (gint)parallel, FALSE, NULL);
    run_steps(&run);
    if (run.pool != NULL)
        g_thread_pool_free(run.pool, FALSE, TRUE);
    g_async_queue_unref(run.results);
    return run.first;
}

gboolean transaction_run(const TransactionRequest *request, TransactionResult *ret_result,
                         GError **error)
{
    Transaction *t;
    GError *first;
    gboolean committed = FALSE;

    memset(ret_result, 0, sizeof *ret_result);
    plan_steps_ahead(request->host, request->steps, TRUE);
    t = transaction_open(request, error);
    first = t != NULL ? run_all(t) : NULL;
    plan_steps_ahead(request->host, request->steps, FALSE);
    if (t == NULL)
        return FALSE;
    if (first == NULL && g_hash_table_size(t->failed) > 0)
        undo_failed_objects(t, &first);
    if (first == NULL)
        committed = transaction_commit(t, &first);
    if (!committed)
        transaction_undo(t, first, error);
    transaction_free(t, ret_result);
    return committed;
}
