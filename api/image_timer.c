#include "image_timer.h"

#include "alarm.h"
#include "error.h"
#include "image_clock.h"
#include "image_pull.h"
#include "moment.h"
#include "notes.h"

/* What failed is tried again so many seconds later. */
#define AGAIN 300
struct ImageTimer {
    Daemon *daemon;
    Alarm *alarm;
    json_t *checked; /* of a look: when images were looked after last: {key: seconds}. A new daemon
                        looks at once */
};

/* ---- in a thread ---- */

static Plan *plan_end(Engine *engine, void *data, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    PlanOptions options = {0};

    g_ptr_array_add(keys, data);
    return engine_plan_delete(engine, keys, &options, error);
}

static gboolean drop(ImageTimer *timer, const Object *image)
{
    g_autofree char *label = object_label(image);
    g_autoptr(GError) error = NULL;

    if (daemon_transact(timer->daemon, NULL, "images.remote_cache_expiry", NULL, plan_end,
                        image->key, &error)) {
        g_message("%s was cached, and is dropped: its time is over", label);
        return TRUE;
    }
    g_warning("%s cannot be dropped: %s; it is tried again in %d s", label, error->message, AGAIN);
    return FALSE;
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

static gint64 look(void *data, gboolean on_time)
{
    ImageTimer *timer = data;
    ImageChecks checks = {timer->daemon->started / G_USEC_PER_SEC, timer->checked};
    g_autoptr(Snapshot) model = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) uses = NULL;
    g_auto(ImageClock) clock = {0};
    gboolean failed = FALSE;

    if (g_atomic_int_get(&timer->daemon->phase) != DAEMON_READY)
        return 0;
    model = engine_ref_stored(timer->daemon->engine);
    uses = engine_notes(timer->daemon->engine, SPACE_IMAGES, &error);
    if (uses == NULL) {
        g_warning("when images were used cannot be read: %s", error->message);
        return moment_now() + AGAIN;
    }
    forget_gone(timer->checked, model);
    image_clock_read(model, uses, &checks, moment_now(), &clock);
    for (guint i = 0; i < clock.over->len; i++)
        failed = !drop(timer, clock.over->pdata[i]) || failed;
    for (guint i = 0; i < clock.stale->len; i++) {
        const Object *image = clock.stale->pdata[i];

        json_object_set_new(timer->checked, image->key, json_integer(moment_now()));
        image_pull_renew(timer->daemon, image);
    }
    /* Those that are looked after now are due again later. */
    image_clock_clear(&clock);
    image_clock_read(model, uses, &checks, moment_now(), &clock);
    return failed ? moment_now() + AGAIN : clock.next;
}

/* ---- outside ---- */

ImageTimer *image_timer_new(Daemon *daemon)
{
    ImageTimer *timer = g_new0(ImageTimer, 1);

    timer->daemon = daemon;
    timer->checked = json_object();
    timer->alarm = alarm_new(daemon, look, timer);
    return timer;
}

void image_timer_free(ImageTimer *timer)
{
    if (timer == NULL)
        return;
    alarm_free(timer->alarm);
    json_decref(timer->checked);
    g_free(timer);
}

void image_timer_follow(ImageTimer *timer)
{
    alarm_follow(timer->alarm);
}
