#include "transaction_private.h"

#include <string.h>

#include "error.h"
#include "meter.h"
#include "pending.h"

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
    guint64 bytes = __atomic_load_n(&gauge->bytes, __ATOMIC_ACQUIRE);
    ProgressCount count = {t->result.steps_done, t->steps->len, bytes,
                           __atomic_load_n(&gauge->bytes_total, __ATOMIC_RELAXED)};

    gauge->told = count.bytes;
    gauge->told_last = g_get_monotonic_time();
    if (t->request->progress != NULL)
        t->request->progress(t->request->progress_data, t->steps->pdata[position],
                             t->states[position], &count);
}

void transaction_report(Transaction *t, guint position, StepState state)
{
    t->states[position] = state;
    if (state == STEP_DONE)
        t->result.steps_done++;
    tell(t, position);
}

void transaction_report_bytes(Transaction *t)
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

    /* The total first: bytes that are told have theirs. */
    __atomic_store_n(&gauge->bytes_total, total, __ATOMIC_RELAXED);
    __atomic_store_n(&gauge->bytes, done, __ATOMIC_RELEASE);
    if (g_thread_self() == gauge->t->owner)
        transaction_report_bytes(gauge->t);
}

gboolean transaction_carry_out(Transaction *t, guint position, GError **error)
{
    Gauge *gauge = &t->gauges[position];
    const Meter meter = {on_bytes, gauge};
    const Meter *before = meter_listen(&meter);
    gboolean done;

    done =
        plan_step_do(t->request->host, plan_step_at(t, position), t->steps->pdata[position], error);
    meter_listen(before);
    return done;
}

void transaction_begin_step(Transaction *t, guint position)
{
    g_array_append_val(t->begun, position);
    t->gauges[position] = (Gauge){.t = t};
    transaction_report(t, position, STEP_RUNNING);
}

gboolean transaction_do(Transaction *t, guint position, GError **error)
{
    gboolean done;

    transaction_begin_step(t, position);
    done = transaction_carry_out(t, position, error);
    transaction_report(t, position, done ? STEP_DONE : STEP_FAILED);
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
    transaction_report(t, position, STEP_UNDONE);
    if (plan_step->row->irreversible != NULL && step->from != NULL)
        g_ptr_array_add(t->result.restarted, object_key_label(plan_step->object));
    return TRUE;
}

/* A change may need the same thing in both directions (a server its address), which is undone only
 * after it: what fails is tried once more when all the rest is undone. */
void transaction_undo_begun(Transaction *t, GHashTable *keys, GString *failures)
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
        transaction_report(t, position, STEP_UNDO_FAILED);
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

    transaction_undo_begun(t, NULL, failures);
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
        (request->write_along != NULL &&
         !request->write_along(request->write_along_data, t->failed, error)) ||
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
