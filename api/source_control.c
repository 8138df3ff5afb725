#include "source_control.h"

#include <string.h>

#include "context.h"
#include "directory_watch.h"
#include "error.h"
#include "lifecycle.h"
#include "source_sync.h"

#define RETRY_FIRST 5 /* seconds after the first failure; doubled with each, up to the interval */
#define HOOK_MS 1000  /* between two looks that webhooks ask for */

typedef struct {
    gatomicrefcount refs; /* of the control, and of each job */
    SourceControl *control;
    char *name;
    json_t *spec;
    guint timer;
    DirectoryWatch *watch; /* of type directory */
    gint64 interval_ms;
    gint64 looked;    /* monotonic, when a look was last begun */
    gboolean running; /* a round is under way */
    gboolean looking; /* a look beside it is */
    gboolean again;   /* a round is to follow at once */
    gboolean gone;
    gboolean failing; /* the last round failed */
    volatile gint cancel_round, cancel_look;
} Entry;

struct SourceControl {
    Daemon *daemon;
    GHashTable *entries; /* name -> Entry; NULL once it ends */
    guint count;         /* sources in the model, suspended ones too */
};

/* What a thread does for an entry. */
typedef struct {
    Entry *entry;
    DirectoryWatch *watch;
    gboolean is_new;
    gboolean failed;
    gint64 delay_ms; /* until the next round */
} Job;

static void entry_unref(gpointer data)
{
    Entry *entry = data;

    if (!g_atomic_ref_count_dec(&entry->refs))
        return;
    g_free(entry->name);
    json_decref(entry->spec);
    g_free(entry);
}

/* The control lets go of it; jobs may still hold it. */
static void entry_end(gpointer data)
{
    Entry *entry = data;

    entry->gone = TRUE;
    g_atomic_int_set(&entry->cancel_round, 1);
    g_atomic_int_set(&entry->cancel_look, 1);
    g_clear_handle_id(&entry->timer, g_source_remove);
    g_clear_pointer(&entry->watch, directory_watch_free);
    entry_unref(entry);
}

static Job *job_new(Entry *entry)
{
    Job *job = g_new0(Job, 1);

    g_atomic_ref_count_inc(&entry->refs);
    job->entry = entry;
    job->watch = directory_watch_ref(entry->watch);
    return job;
}

static void job_free(Job *job)
{
    directory_watch_unref(job->watch);
    entry_unref(job->entry);
    g_free(job);
}

/* ---- in threads ---- */

static void tell_objects(void *data, const Plan *plan)
{
    const Entry *entry = data;

    lifecycle_of_plan(entry->control->daemon->events, plan, NULL);
}

static void tell(const Entry *entry, const char *action, json_t *context)
{
    g_autofree char *path = g_strconcat("sources/", entry->name, NULL);

    events_lifecycle(entry->control->daemon->events, action, NULL, path, context, NULL);
}

/* A fifth more or less, so that many hosts do not come together. */
static gint64 with_jitter(gint64 seconds)
{
    return seconds * g_random_int_range(800, 1200);
}

/* After a failure that may pass: soon, and less often with each. */
static gint64 next_delay(Engine *engine, const Entry *entry, const Object *source)
{
    g_autoptr(json_t) status = source_status(engine, entry->name, NULL);
    json_int_t failures = json_integer_value(json_object_get(status, "failures"));
    gint64 interval = MAX(source_seconds(source, "interval"), 1);

    if (failures == 0)
        return interval * 1000;
    if (json_is_true(json_object_get(status, "stalled")))
        return with_jitter(interval);
    return with_jitter(MIN(interval, RETRY_FIRST << MIN(failures - 1, 16)));
}

/* A hold that ends is corrected then. */
static gint64 until_hold_ends(Engine *engine, gint64 delay_ms)
{
    g_autoptr(json_t) holds = engine_holds(engine, NULL);
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    json_t *hold;
    size_t i;

    json_array_foreach (holds, i, hold) {
        gint64 until = json_integer_value(json_object_get(hold, "until"));

        if (until > now)
            delay_ms = MIN(delay_ms, (until - now + 1) * 1000);
    }
    return delay_ms;
}

static void remember_next(Engine *engine, const Entry *entry, Job *job)
{
    g_autoptr(Snapshot) model = engine_ref_stored(engine);
    const Object *source = snapshot_find(model, KIND_SOURCE, "", entry->name);
    g_autoptr(json_t) changes = NULL;

    if (source == NULL)
        return;
    job->delay_ms = until_hold_ends(engine, next_delay(engine, entry, source));
    changes = json_pack("{s:I}", "next_try",
                        (json_int_t)(g_get_real_time() / G_USEC_PER_SEC + job->delay_ms / 1000));
    source_status_change(engine, entry->name, changes, NULL);
}

static void tell_success(const Entry *entry, const SyncResult *result)
{
    json_t *context = json_pack("{s:s}", "revision", json_member_string(result->revision, "id"));

    if (result->is_new)
        tell(entry, "source-synced", context);
    else if (result->plan != NULL && !plan_is_empty(result->plan))
        tell(entry, "source-corrected", context);
    else
        json_decref(context);
}

static void run_round(void *data)
{
    Job *job = data;
    Entry *entry = job->entry;
    Daemon *daemon = entry->control->daemon;
    SyncOptions options = {
        .cancel = &entry->cancel_round, .committed = tell_objects, .committed_data = entry};
    g_auto(SyncResult) result = {0};
    g_autoptr(GError) error = NULL;

    if (job->watch != NULL)
        directory_watch_renew(job->watch);
    if (source_sync(daemon->engine, entry->name, &options, &result, &error)) {
        tell_success(entry, &result);
        if (result.result.generation > 0)
            daemon_follow_model(daemon);
    } else if (!g_error_matches(error, BERTH_ERROR, ERR_INTERRUPTED)) {
        job->failed = TRUE;
        if (!entry->failing)
            g_warning("%s", error->message);
        tell(entry, "source-failed", json_pack("{s:s}", "error", error->message));
    }
    if (g_atomic_int_get(&entry->cancel_round) == 0)
        remember_next(daemon->engine, entry, job);
}

static void run_look(void *data)
{
    Job *job = data;
    g_autoptr(GError) error = NULL;

    if (!source_look(job->entry->control->daemon->engine, job->entry->name,
                     &job->entry->cancel_look, &job->is_new, &error))
        g_debug("%s", error->message);
}

/* ---- in the context ---- */

static void begin(Entry *entry);

static gboolean on_time(gpointer data)
{
    Entry *entry = data;

    entry->timer = 0;
    begin(entry);
    return G_SOURCE_REMOVE;
}

static void begin_in(Entry *entry, gint64 ms)
{
    g_clear_handle_id(&entry->timer, g_source_remove);
    /* Seconds come together with other timers: fewer wake-ups. */
    if (ms >= 10000)
        entry->timer = g_timeout_add_seconds((guint)(ms / 1000), on_time, entry);
    else
        entry->timer = g_timeout_add((guint)MAX(ms, 0), on_time, entry);
}

static void sweep(void *data)
{
    source_sweep(((SourceControl *)data)->daemon->engine);
}

static void swept(void *data)
{
    g_debug("folders of deleted sources are gone");
}

static void round_done(void *data)
{
    Job *job = data;
    Entry *entry = job->entry;

    entry->running = FALSE;
    entry->failing = job->failed;
    if (!entry->gone) {
        begin_in(entry, entry->again ? 0 : job->delay_ms);
        entry->again = FALSE;
    } else if (entry->control->entries != NULL) { /* it may have made its folder once more */
        context_background(entry->control->daemon, sweep, swept, entry->control);
    }
    job_free(job);
}

/* A new revision does not wait for one that fails (EN-41); one that is new itself is let go on. */
static void look_done(void *data)
{
    Job *job = data;
    Entry *entry = job->entry;

    entry->looking = FALSE;
    if (job->is_new && entry->running && !entry->gone) {
        entry->again = TRUE;
        if (entry->failing)
            g_atomic_int_set(&entry->cancel_round, 1);
    }
    job_free(job);
}

static void begin(Entry *entry)
{
    Daemon *daemon = entry->control->daemon;

    entry->looked = g_get_monotonic_time();
    if (!entry->running) {
        entry->running = TRUE;
        g_atomic_int_set(&entry->cancel_round, 0);
        context_background(daemon, run_round, round_done, job_new(entry));
    } else if (!entry->looking) {
        entry->looking = TRUE;
        context_background(daemon, run_look, look_done, job_new(entry));
    }
    /* While a round is under way, looks go on. */
    begin_in(entry, entry->interval_ms);
}

static void on_directory(void *data)
{
    begin(data);
}

static Entry *entry_new(SourceControl *control, const Object *source)
{
    Entry *entry = g_new0(Entry, 1);

    g_atomic_ref_count_init(&entry->refs);
    entry->control = control;
    entry->name = g_strdup(source->id.name);
    entry->spec = json_incref(source->spec);
    entry->interval_ms = MAX(source_seconds(source, "interval"), 1) * 1000;
    if (strcmp(source_text(source, "type"), "directory") == 0)
        entry->watch = directory_watch_new(source_text(source, "path"), on_directory, entry);
    return entry;
}

static gboolean is_other_now(gpointer key, gpointer value, gpointer data)
{
    const Entry *entry = value;
    const Object *source = snapshot_find(data, KIND_SOURCE, "", entry->name);

    return source == NULL || source_flag(source, "suspend") ||
           !json_equal(source->spec, entry->spec);
}

static void follow(void *data)
{
    SourceControl *control = data;
    g_autoptr(Snapshot) model = NULL;
    guint first, count;

    if (control->entries == NULL)
        return;
    model = engine_ref_stored(control->daemon->engine);
    g_hash_table_foreach_remove(control->entries, is_other_now, model);
    snapshot_range(model, KIND_SOURCE, "", &first, &count);
    if (count < control->count)
        context_background(control->daemon, sweep, swept, control);
    control->count = count;
    for (guint i = first; i < first + count; i++) {
        const Object *source = snapshot_at(model, i);
        Entry *entry;

        if (source_flag(source, "suspend") ||
            g_hash_table_contains(control->entries, source->id.name))
            continue;
        entry = entry_new(control, source);
        g_hash_table_insert(control->entries, entry->name, entry);
        begin(entry);
    }
}

void source_control_follow(SourceControl *control)
{
    if (control != NULL)
        context_call(control->daemon, follow, control);
}

typedef struct {
    SourceControl *control;
    char *name;
} Wish;

static void look_soon(void *data)
{
    g_autofree Wish *wish = data;
    g_autofree char *name = wish->name;
    Entry *entry =
        wish->control->entries != NULL ? g_hash_table_lookup(wish->control->entries, name) : NULL;
    gint64 since;

    if (entry == NULL)
        return;
    since = (g_get_monotonic_time() - entry->looked) / 1000;
    if (since >= HOOK_MS)
        begin(entry);
    else
        begin_in(entry, HOOK_MS - since);
}

void source_control_look(SourceControl *control, const char *name)
{
    Wish *wish = g_new0(Wish, 1);

    *wish = (Wish){control, g_strdup(name)};
    context_call(control->daemon, look_soon, wish);
}

SourceControl *source_control_new(Daemon *daemon)
{
    SourceControl *control = g_new0(SourceControl, 1);

    control->daemon = daemon;
    control->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_end);
    control->count = G_MAXUINT;
    follow(control);
    return control;
}

void source_control_stop(SourceControl *control)
{
    if (control != NULL)
        g_clear_pointer(&control->entries, g_hash_table_unref);
}

void source_control_free(SourceControl *control)
{
    source_control_stop(control);
    g_free(control);
}
