#include "notifier.h"

#include <string.h>

#include "image/fetch.h"
#include "type.h"

#define WAITING_MOST 1000u /* newer ones than these are dropped, and that is logged */
#define FIRST_WAIT 1
#define MOST_WAIT 60
#define TRY_SECONDS 600
#define TIMEOUT_SECONDS 10

struct Notifier {
    Daemon *daemon;
    GThread *thread; /* begins with the first one to tell */
    GMutex mutex;
    GCond changed;
    GQueue waiting; /* of char *: bodies */
    gboolean ends;
};

static const char *config_of(const Snapshot *model, const char *key)
{
    const Object *server = snapshot_find(model, KIND_SERVER, "", "");

    return server != NULL ? object_config(server, key) : NULL;
}

/* ---- one request ---- */

/* FALSE when the other side has not taken it. */
static gboolean post(const char *url, const char *secret, const char *body, GError **error)
{
    const char *headers[] = {"Content-Type: application/json", NULL, NULL};
    g_autofree char *signature = NULL;

    if (secret != NULL) {
        g_autofree char *digest = g_compute_hmac_for_string(
            G_CHECKSUM_SHA256, (const guchar *)secret, strlen(secret), body, -1);

        signature = g_strdup_printf("X-Berth-Signature: sha256=%s", digest);
        headers[1] = signature;
    }
    return fetch_post(url, headers, body, TIMEOUT_SECONDS, error);
}

/* ---- the thread ---- */

/* FALSE when the notifier ends meanwhile. */
static gboolean pause_for(Notifier *notifier, gint64 seconds)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&notifier->mutex);
    gint64 until = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;

    while (!notifier->ends && g_cond_wait_until(&notifier->changed, &notifier->mutex, until))
        continue;
    return !notifier->ends;
}

/* The address is asked for anew each time: a wrong one can be put right meanwhile. */
static void deliver(Notifier *notifier, const char *body)
{
    gint64 begun = g_get_monotonic_time();
    gint64 wait = FIRST_WAIT;

    for (;;) {
        g_autoptr(Snapshot) model = engine_ref_stored(notifier->daemon->engine);
        const char *url = config_of(model, "berth.notify.url");
        g_autoptr(GError) error = NULL;

        if (url == NULL || post(url, config_of(model, "berth.notify.secret"), body, &error))
            return;
        if (g_get_monotonic_time() - begun > TRY_SECONDS * (gint64)G_USEC_PER_SEC) {
            g_warning("berth.notify.url cannot be told, given up: %s", error->message);
            return;
        }
        g_info("berth.notify.url cannot be told, again in %d s: %s", (int)wait, error->message);
        if (!pause_for(notifier, wait))
            return;
        wait = MIN(wait * 2, MOST_WAIT);
    }
}

static char *next(Notifier *notifier)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&notifier->mutex);

    while (!notifier->ends && g_queue_is_empty(&notifier->waiting))
        g_cond_wait(&notifier->changed, &notifier->mutex);
    return notifier->ends ? NULL : g_queue_pop_head(&notifier->waiting);
}

static void *run(void *data)
{
    Notifier *notifier = data;

    for (;;) {
        g_autofree char *body = next(notifier);

        if (body == NULL)
            return NULL;
        deliver(notifier, body);
    }
}

/* ---- outside ---- */

static char *body_of(const json_t *condition)
{
    g_autoptr(json_t) value = json_copy((json_t *)condition);
    g_autofree char *id = g_uuid_string_random();

    json_object_set_new(value, "host", json_string(g_get_host_name()));
    json_object_set_new(value, "id", json_string(id));
    return json_text(value);
}

/* Which types are told; all when unset. */
static gboolean is_wanted(const Snapshot *model, const json_t *condition)
{
    const char *wanted = config_of(model, "berth.notify.conditions");
    g_auto(GStrv) types = wanted != NULL ? type_items(wanted) : NULL;

    return types == NULL ||
           g_strv_contains((const char *const *)types, json_member_string(condition, "type"));
}

void notifier_tell(void *data, const Object *object, const json_t *condition)
{
    Notifier *notifier = data;
    g_autoptr(Snapshot) model = engine_ref_stored(notifier->daemon->engine);
    g_autoptr(GMutexLocker) held = NULL;

    if (config_of(model, "berth.notify.url") == NULL || !is_wanted(model, condition))
        return;
    held = g_mutex_locker_new(&notifier->mutex);
    if (notifier->waiting.length >= WAITING_MOST) {
        g_warning("berth.notify.url: too many changes wait, one of %s is not told", object->key);
        return;
    }
    g_queue_push_tail(&notifier->waiting, body_of(condition));
    if (notifier->thread == NULL)
        notifier->thread = g_thread_new("notifier", run, notifier);
    g_cond_signal(&notifier->changed);
}

Notifier *notifier_new(Daemon *daemon)
{
    Notifier *notifier = g_new0(Notifier, 1);

    notifier->daemon = daemon;
    g_mutex_init(&notifier->mutex);
    g_cond_init(&notifier->changed);
    g_queue_init(&notifier->waiting);
    return notifier;
}

void notifier_free(Notifier *notifier)
{
    if (notifier == NULL)
        return;
    g_mutex_lock(&notifier->mutex);
    notifier->ends = TRUE;
    g_cond_broadcast(&notifier->changed);
    g_mutex_unlock(&notifier->mutex);
    if (notifier->thread != NULL)
        g_thread_join(notifier->thread);
    g_queue_clear_full(&notifier->waiting, g_free);
    g_cond_clear(&notifier->changed);
    g_mutex_clear(&notifier->mutex);
    g_free(notifier);
}
