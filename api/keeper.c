#include "keeper.h"

#include <string.h>

#include "error.h"
#include "keeper_look.h"
#include "watch/host_watch.h"

#define WORKERS 4
/* So many are looked at together at most: a scan of a large host goes in pieces. */
#define TOGETHER 64

struct Keeper {
    Daemon *daemon;
    Look look;
    guint scan_seconds;
    gint started;

    GMainContext *context; /* of `thread`, which owns what follows */
    GMainLoop *loop;
    GThread *thread;
    HostWatch *watch;
    Snapshot *followed; /* the model as it is watched */

    GMutex mutex;
    Queue *queue; /* under `mutex` */
    GSource *due; /* its ready time is that of the queue */
    GThreadPool *workers;
};

/* ---- the queue ---- */

/* The mutex is held. */
static void arm(Keeper *keeper)
{
    g_source_set_ready_time(keeper->due, queue_next(keeper->queue));
}

static void post(Keeper *keeper, const char *key)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&keeper->mutex);

    queue_post(keeper->queue, key, g_get_monotonic_time());
    arm(keeper);
}

static void post_all(Keeper *keeper)
{
    g_autoptr(Snapshot) model = engine_ref_stored(keeper->daemon->engine);

    for (guint i = 0; i < snapshot_size(model); i++)
        if (DRIVERS[snapshot_at(model, i)->id.kind] != NULL)
            post(keeper, snapshot_at(model, i)->key);
}

static void on_fact(void *data, const char *key, const WatchFact *fact)
{
    Keeper *keeper = data;

    g_debug("%s %s is %s: %s", fact->kind, fact->name, fact->what,
            key != NULL ? key : "everything is looked at");
    if (key != NULL)
        post(keeper, key);
    else
        post_all(keeper);
}

/* In the keeper's thread. */
static gboolean on_due(gpointer data)
{
    Keeper *keeper = data;
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&keeper->mutex);
    g_autoptr(GPtrArray) keys = queue_take(keeper->queue, g_get_monotonic_time());

    for (guint from = 0; from < keys->len; from += TOGETHER) {
        GPtrArray *part = g_ptr_array_new_with_free_func(g_free);

        for (guint i = from; i < MIN(from + TOGETHER, keys->len); i++)
            g_ptr_array_add(part, g_strdup(keys->pdata[i]));
        g_thread_pool_push(keeper->workers, part, NULL);
    }
    arm(keeper);
    return G_SOURCE_CONTINUE;
}

static gboolean dispatch_due(GSource *source, GSourceFunc call, gpointer data)
{
    return call(data);
}

static GSourceFuncs DUE = {.dispatch = dispatch_due};

static gint64 on_done(void *data, const char *key, QueueResult result)
{
    Keeper *keeper = data;
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&keeper->mutex);
    gint64 now = g_get_monotonic_time();
    gint64 wait = queue_done(keeper->queue, key, result, now);

    /* It may have become free before we said that it is not. */
    if (result == QUEUE_BUSY && !engine_is_busy(keeper->daemon->engine, key))
        queue_post(keeper->queue, key, now);
    arm(keeper);
    return wait;
}

/* ---- what is watched ---- */

static void watch_object(Keeper *keeper, const Snapshot *model, const char *key)
{
    const Object *object = snapshot_get(model, key);
    const Driver *driver = object != NULL ? DRIVERS[object->id.kind] : NULL;
    Context context = {.next = model, .dir = keeper->daemon->dir};
    g_autoptr(json_t) watched = NULL;

    if (driver != NULL && driver->watch != NULL)
        watched = driver->watch(&context, object);
    host_watch_set(keeper->watch, key, watched);
}

typedef struct {
    Keeper *keeper;
    GPtrArray *keys;
} Keys;

static void keys_free(gpointer data)
{
    Keys *keys = data;

    g_ptr_array_unref(keys->keys);
    g_free(keys);
}

/* Calls `call` in the keeper's thread; takes `keys` over. */
static void call_with(Keeper *keeper, GSourceFunc call, GPtrArray *keys)
{
    Keys *data = g_new0(Keys, 1);

    *data = (Keys){keeper, keys};
    g_main_context_invoke_full(keeper->context, G_PRIORITY_DEFAULT, call, data, keys_free);
}

/* Runs that began since are others. */
static gboolean watch_again(gpointer data)
{
    const Keys *keys = data;
    g_autoptr(Snapshot) model = engine_ref_stored(keys->keeper->daemon->engine);

    for (guint i = 0; i < keys->keys->len; i++)
        watch_object(keys->keeper, model, keys->keys->pdata[i]);
    return G_SOURCE_REMOVE;
}

static void work(gpointer data, gpointer user_data)
{
    Keeper *keeper = user_data;
    GPtrArray *keys = data;

    look_at(&keeper->look, keys, on_done, keeper);
    call_with(keeper, watch_again, keys);
}

/* ---- the model ---- */

static void forget(Keeper *keeper, const char *key)
{
    host_watch_set(keeper->watch, key, NULL);
    conditions_forget(keeper->look.conditions, key);
    g_mutex_lock(&keeper->mutex);
    queue_forget(keeper->queue, key);
    g_mutex_unlock(&keeper->mutex);
}

static void renew(Keeper *keeper, const char *key)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&keeper->mutex);

    queue_reset(keeper->queue, key, g_get_monotonic_time());
    arm(keeper);
}

typedef struct {
    Keeper *keeper;
    gboolean modes; /* some may be others */
} Following;

/* What is new in the model is watched, and looked at at once, whatever failed before (EN-41). */
static void follow_one(const Object *before, const Object *after, void *data)
{
    Following *following = data;

    if (after == NULL) {
        forget(following->keeper, before->key);
        return;
    }
    following->modes = following->modes || after->id.kind == KIND_PROJECT;
    if (DRIVERS[after->id.kind] == NULL)
        return;
    watch_object(following->keeper, following->keeper->followed, after->key);
    renew(following->keeper, after->key);
}

static gboolean follow(gpointer data)
{
    const Keys *keys = data;
    Keeper *keeper = keys->keeper;
    g_autoptr(Snapshot) before = keeper->followed;
    Following following = {keeper, FALSE};

    keeper->followed = engine_ref_stored(keeper->daemon->engine);
    snapshot_compare(before, keeper->followed, follow_one, &following);
    for (guint i = 0; i < keys->keys->len; i++)
        if (snapshot_get(keeper->followed, keys->keys->pdata[i]) != NULL)
            post(keeper, keys->keys->pdata[i]);
    if (following.modes)
        post_all(keeper);
    return G_SOURCE_REMOVE;
}

/* In any thread. What the transaction did, or half did and undid, is looked at once. */
static void on_end(void *data, const TransactionEnd *end)
{
    Keeper *keeper = data;
    KeeperFigures *figures = &keeper->look.figures;
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; end->plan != NULL && i < end->plan->objects->len; i++) {
        const PlanObject *object = end->plan->objects->pdata[i];

        if (DRIVERS[(object->wanted != NULL ? object->wanted : object->stored)->id.kind] != NULL)
            g_ptr_array_add(keys, g_strdup(object->key));
    }
    g_mutex_lock(&keeper->look.mutex);
    if (end->plan != NULL && end->failure == NULL) {
        figures->transactions++;
        figures->milliseconds += end->milliseconds;
        figures->last_success = g_get_real_time() / G_USEC_PER_SEC;
    } else if (g_error_matches(end->failure, BERTH_ERROR, ERR_ROLLED_BACK) ||
               g_error_matches(end->failure, BERTH_ERROR, ERR_ROLLBACK_INCOMPLETE)) {
        figures->rollbacks++;
    }
    g_mutex_unlock(&keeper->look.mutex);
    if (g_atomic_int_get(&keeper->started))
        call_with(keeper, follow, keys);
    else
        g_ptr_array_unref(keys);
}

/* ---- life ---- */

static gboolean scan(gpointer data)
{
    post_all(data);
    return G_SOURCE_CONTINUE;
}

static gboolean begin(gpointer data)
{
    const Keys *keys = data;
    Keeper *keeper = keys->keeper;

    g_atomic_int_set(&keeper->started, TRUE);
    if (keeper->scan_seconds > 0) {
        GSource *source = g_timeout_source_new_seconds(keeper->scan_seconds);

        g_source_set_callback(source, scan, keeper, NULL);
        g_source_attach(source, keeper->context);
        g_source_unref(source);
    }
    return follow(data);
}

void keeper_start(Keeper *keeper)
{
    call_with(keeper, begin, g_ptr_array_new_with_free_func(g_free));
}

static gboolean quit(gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_REMOVE;
}

static void *run(void *data)
{
    Keeper *keeper = data;

    g_main_context_push_thread_default(keeper->context);
    g_main_loop_run(keeper->loop);
    g_main_context_pop_thread_default(keeper->context);
    return NULL;
}

Keeper *keeper_new(Daemon *daemon, guint scan_seconds, GError **error)
{
    Keeper *keeper = g_new0(Keeper, 1);

    keeper->daemon = daemon;
    keeper->scan_seconds = scan_seconds;
    keeper->look.daemon = daemon;
    g_mutex_init(&keeper->look.mutex);
    keeper->look.rounds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    keeper->look.conditions = daemon->conditions;
    keeper->look.figures.last_success = engine_last_success(daemon->engine);
    g_mutex_init(&keeper->mutex);
    keeper->queue = queue_new();
    keeper->context = g_main_context_new();
    keeper->loop = g_main_loop_new(keeper->context, FALSE);
    keeper->due = g_source_new(&DUE, sizeof(GSource));
    g_source_set_callback(keeper->due, on_due, keeper, NULL);
    g_source_set_ready_time(keeper->due, -1);
    g_source_attach(keeper->due, keeper->context);
    keeper->workers = g_thread_pool_new(work, keeper, WORKERS, FALSE, NULL);
    keeper->watch = host_watch_new(keeper->context, on_fact, keeper, error);
    if (keeper->watch == NULL) {
        keeper_free(keeper);
        return NULL;
    }
    keeper->thread = g_thread_new("keeper", run, keeper);
    engine_on_end(daemon->engine, on_end, keeper);
    return keeper;
}

void keeper_free(Keeper *keeper)
{
    if (keeper == NULL)
        return;
    engine_on_end(keeper->daemon->engine, NULL, NULL);
    if (keeper->thread != NULL) {
        g_main_context_invoke(keeper->context, quit, keeper->loop);
        g_thread_join(keeper->thread);
    }
    g_thread_pool_free(keeper->workers, FALSE, TRUE);
    host_watch_free(keeper->watch);
    g_source_destroy(keeper->due);
    g_source_unref(keeper->due);
    g_main_loop_unref(keeper->loop);
    g_main_context_unref(keeper->context);
    g_clear_pointer(&keeper->followed, snapshot_unref);
    queue_free(keeper->queue);
    g_mutex_clear(&keeper->mutex);
    g_hash_table_unref(keeper->look.rounds);
    g_mutex_clear(&keeper->look.mutex);
    g_free(keeper);
}

KeeperFigures keeper_figures(Keeper *keeper)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&keeper->look.mutex);

    return keeper->look.figures;
}
