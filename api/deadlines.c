#include "deadlines.h"

#include "alarm.h"
#include "env.h"
#include "moment.h"

/* What failed is tried again so many seconds later. */
#define AGAIN 30

typedef struct {
    Daemon *daemon;
    gboolean failed;
} Look;

static Plan *plan_down(Engine *engine, void *data, GError **error)
{
    g_autoptr(GPtrArray) keys = env_keys(engine_stored(engine), data);
    PlanOptions options = {0};

    return engine_plan_delete(engine, keys, &options, error);
}

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

static void end_leases(Look *look)
{
    g_autoptr(Snapshot) model = engine_ref_stored(look->daemon->engine);
    g_autoptr(GPtrArray) names = env_expired(model, moment_now(), NULL);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *cause =
            g_strdup_printf("env down %s: its lease has ended", (char *)names->pdata[i]);

        carry_out(look, cause, plan_down, names->pdata[i]);
    }
}

/* Acts when the time has come; else it only looks. */
static gint64 look_now(void *data, gboolean on_time)
{
    Look look = {.daemon = data};
    Engine *engine = look.daemon->engine;
    g_autoptr(Snapshot) model = NULL;
    g_autoptr(GPtrArray) expired = NULL;
    gint64 next;

    if (on_time) {
        engine_each_due(engine, revert, &look, NULL);
        end_leases(&look);
        purge_due(&look);
    }
    model = engine_ref_stored(engine);
    expired = env_expired(model, moment_now(), &next);
    next = expired->len > 0 ? moment_now() : moment_sooner(next, engine_next_revert(engine));
    next = moment_sooner(next, engine_next_purge(engine));
    return look.failed && next != 0 ? MAX(next, moment_now() + AGAIN) : next;
}

Alarm *deadlines_new(Daemon *daemon)
{
    return alarm_new(daemon, look_now, daemon);
}
