#include "image_timer.h"

#include "context.h"
#include "error.h"
#include "image_clock.h"
#include "image_pull.h"
#include "notes.h"

/* What failed is tried again so many seconds later. */
#define AGAIN 300
/* Clocks may be set meanwhile. */
#define LONGEST 3600

struct ImageTimer {
    Daemon *daemon;
    GSource *source; /* the context's, as all but what a look has */
    json_t *checked; /* when images were looked after last: {key: seconds}. A new daemon looks at
                        once */
    gboolean looking;
    gboolean again; /* something changed during a look */
    gint64 next;
    gboolean failed;
};

static gint64 now_seconds(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

/* ---- in a thread ---- */

static Plan *plan_end(Engine *engine, void *data, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    PlanOptions options = {0};

    g_ptr_array_add(keys, data);
    return engine_plan_delete(engine, keys, &options, error);
}

static void drop(ImageTimer *timer, const Object *image)
{
    g_autofree char *label = object_label(image);
    g_autoptr(GError) error = NULL;

    if (daemon_transact(timer->daemon, NULL, "images.remote_cache_expiry", NULL, plan_end,
                        image->key, &error)) {
        g_message("%s was cached, and is dropped: its time is over", label);
        return;
    }
    timer->failed = TRUE;
    g_warning("%s cannot be dropped: %s; it is tried again in %d s", label, error->message, AGAIN);
}

static void forget_gone(json_t *checked, const Snapshot *model)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe (checked, next, key, value) {
        if (snapshot_get(model, key) == NULL)
            json_object_del(checked, key);
    }
}

static void look(void *data)
{
    ImageTimer *timer = data;
    ImageChecks checks = {timer->daemon->started / G_USEC_PER_SEC, timer->checked};
    g_autoptr(Snapshot) model = engine_ref_stored(timer->daemon->engine);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) uses = engine_notes(timer->daemon->engine, SPACE_IMAGES, &error);
    g_auto(ImageClock) clock = {0};

    timer->failed = FALSE;
    timer->next = 0;
    if (uses == NULL) {
        timer->failed = TRUE;
        g_warning("when images were used cannot be read: %s", error->message);
        return;
    }
    forget_gone(timer->checked, model);
    image_clock_read(model, uses, &checks, now_seconds(), &clock);
    for (guint i = 0; i < clock.over->len; i++)
        drop(timer, clock.over->pdata[i]);
    for (guint i = 0; i < clock.stale->len; i++) {
        const Object *image = clock.stale->pdata[i];

        json_object_set_new(timer->checked, image->key, json_integer(now_seconds()));
        image_pull_renew(timer->daemon, image);
    }
    /* Those that are looked after now are due again later. */
    image_clock_clear(&clock);
    image_clock_read(model, uses, &checks, now_seconds(), &clock);
    timer->next = clock.next;
}

/* ---- in the context ---- */

static void begin(void *data);

static gboolean on_time(gpointer data)
{
    ImageTimer *timer = data;

    g_clear_pointer(&timer->source, g_source_unref);
    begin(timer);
    return G_SOURCE_REMOVE;
}

static void stop(ImageTimer *timer)
{
    if (timer->source != NULL)
        g_source_destroy(timer->source);
    g_clear_pointer(&timer->source, g_source_unref);
}

static void done(void *data)
{
    ImageTimer *timer = data;
    gint64 wait = timer->failed ? AGAIN : CLAMP(timer->next - now_seconds(), 0, LONGEST);

    timer->looking = FALSE;
    stop(timer);
    if (timer->again) {
        timer->again = FALSE;
        begin(timer);
    } else if (timer->failed || timer->next != 0) {
        timer->source = g_timeout_source_new_seconds((guint)wait);
        g_source_set_callback(timer->source, on_time, timer, NULL);
        g_source_attach(timer->source, timer->daemon->context);
    }
}

static void begin(void *data)
{
    ImageTimer *timer = data;

    if (g_atomic_int_get(&timer->daemon->phase) != DAEMON_READY)
        return;
    if (timer->looking) {
        timer->again = TRUE;
        return;
    }
    timer->looking = TRUE;
    context_background(timer->daemon, look, done, timer);
}

/* ---- outside ---- */

ImageTimer *image_timer_new(Daemon *daemon)
{
    ImageTimer *timer = g_new0(ImageTimer, 1);

    timer->daemon = daemon;
    timer->checked = json_object();
    return timer;
}

void image_timer_free(ImageTimer *timer)
{
    if (timer == NULL)
        return;
    stop(timer);
    json_decref(timer->checked);
    g_free(timer);
}

void image_timer_follow(ImageTimer *timer)
{
    context_call(timer->daemon, begin, timer);
}
