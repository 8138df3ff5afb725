#include "deadlines.h"

#include "alarm.h"
#include "conditions.h"
#include "lease.h"
#include "moment.h"

/* What failed is tried again so many seconds later. */
#define AGAIN 30

typedef struct {
    Daemon *daemon;
    gboolean failed;
} Look;

static void carry_out(Look *look, const char *cause, PlanFunction make, void *data)
{
    g_autoptr(GError) error = NULL;

    if (daemon_transact(look->daemon, NULL, cause, NULL, make, data, &error)) {
        g_message("%s", cause);
        return;
    }
    look->failed = TRUE;
    g_warning("%s: %s; it is tried again in %d s", cause, error->message, AGAIN);
}

static void revert(void *data, gint64 number, const char *cause)
{
    carry_out(data, cause, engine_make_revert, &number);
}

static void purge_due(Look *look)
{
    g_autoptr(GError) error = NULL;
    gint64 next = engine_next_purge(look->daemon->engine);
    guint count = 0;

    if (next == 0 || next > moment_now())
        return;
    if (!engine_purge_due(look->daemon->engine, &count, &error)) {
        look->failed = TRUE;
        g_warning("parked data cannot be deleted: %s; it is tried again in %d s", error->message,
                  AGAIN);
    }
    if (count > 0)
        g_message("parked data of which the time is over is deleted: %u", count);
}

static void end_lease(void *data, char *name, const char *cause)
{
    Look *look = data;
    Engine *engine = look->daemon->engine;
    g_autofree char *key = object_key(KIND_ENVIRONMENT, "", "", name);
    g_autoptr(GError) failure = NULL;
    g_autoptr(GError) why = NULL;
    g_autoptr(Snapshot) model = NULL;

    daemon_transact(look->daemon, NULL, cause, NULL, lease_make_end, name, &failure);
    if (lease_has_ended(engine, name, failure, &why)) {
        g_message("%s", cause);
        return;
    }
    look->failed = TRUE;
    g_warning("%s; it is tried again in %d s", why->message, AGAIN);
    model = engine_ref_stored(engine);
    if (snapshot_get(model, key) != NULL)
        conditions_set(look->daemon->conditions, snapshot_get(model, key), "Stalled", TRUE,
                       why->message);
}

/* Acts when the time has come; else it only looks. */
static gint64 look_now(void *data, gboolean on_time)
{
    Look look = {.daemon = data};
    Engine *engine = look.daemon->engine;
    gint64 next;

    if (on_time) {
        engine_each_due(engine, revert, &look, NULL);
        lease_each_ended(engine, end_lease, &look);
        purge_due(&look);
    }
    next = moment_sooner(lease_next(engine), engine_next_revert(engine));
    next = moment_sooner(next, engine_next_purge(engine));
    /* What is still due was tried: somebody protects it. */
    return next != 0 && (look.failed || (on_time && next <= moment_now()))
               ? MAX(next, moment_now() + AGAIN)
               : next;
}

Alarm *deadlines_new(Daemon *daemon)
{
    return alarm_new(daemon, look_now, daemon);
}
