/* The steps of a transaction, as many side by side as their order and their class allow. */
#include <string.h>

#include "error.h"
#include "transaction_private.h"

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

    transaction_carry_out(job->t, job->position, &job->error);
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
        transaction_begin_step(run->t, i);
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
    transaction_report(t, job->position, done ? STEP_DONE : STEP_FAILED);
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
        transaction_report_bytes(run->t);
    }
}

static gboolean undo_failed_objects(Transaction *t, GError **error)
{
    g_autoptr(GString) failures = g_string_new(NULL);

    transaction_undo_begun(t, t->failed, failures);
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
