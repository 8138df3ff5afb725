#include "deadlines.h"

#include "context.h"
#include "env.h"

/* What failed is tried again so many seconds later. */
#define AGAIN 30
/* Clocks may be set meanwhile. */
#define LONGEST 3600

typedef struct {
    Daemon *daemon;
    gboolean carry_out; /* its time has come; else only a look */
    gboolean failed;
    gint64 next; /* seconds since the epoch; 0: none */
} Look;

static gint64 now_seconds(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

/* ---- in a thread ---- */

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

    if (next == 0 || next > now_seconds())
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
    g_autoptr(GPtrArray) names = env_expired(model, now_seconds(), NULL);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *cause =
            g_strdup_printf("env down %s: its lease has ended", (char *)names->pdata[i]);

        carry_out(look, cause, plan_down, names->pdata[i]);
    }
}

/* The earlier of two moments; 0 is none. */
static gint64 sooner(gint64 a, gint64 b)
{
    return a == 0 || b == 0 ? MAX(a, b) : MIN(a, b);
}

static void work(void *data)
{
    Look *look = data;
    Engine *engine = look->daemon->engine;
    g_autoptr(Snapshot) model = NULL;
    g_autoptr(GPtrArray) expired = NULL;
    gint64 lease;

    if (look->carry_out) {
        engine_each_due(engine, revert, look, NULL);
        end_leases(look);
        purge_due(look);
    }
    model = engine_ref_stored(engine);
    expired = env_expired(model, now_seconds(), &lease);
    look->next = expired->len > 0 ? now_seconds() : sooner(lease, engine_next_revert(engine));
    look->next = sooner(look->next, engine_next_purge(engine));
}

/* ---- in the context ---- */

static void begin(Daemon *daemon, gboolean act);

static gboolean on_time(gpointer data)
{
    Daemon *daemon = data;

    g_clear_pointer(&daemon->deadline, g_source_unref);
    begin(daemon, TRUE);
    return G_SOURCE_REMOVE;
}

static void done(void *data)
{
    Look *look = data;
    Daemon *daemon = look->daemon;
    gint64 wait = CLAMP(look->next - now_seconds(), look->failed ? AGAIN : 0, LONGEST);

    if (daemon->deadline != NULL)
        g_source_destroy(daemon->deadline);
    g_clear_pointer(&daemon->deadline, g_source_unref);
    if (look->next != 0) {
        daemon->deadline = g_timeout_source_new_seconds((guint)wait);
        g_source_set_callback(daemon->deadline, on_time, daemon, NULL);
        g_source_attach(daemon->deadline, daemon->context);
    }
    g_free(look);
}

static void begin(Daemon *daemon, gboolean act)
{
    Look *look = g_new0(Look, 1);

    look->daemon = daemon;
    look->carry_out = act;
    context_background(daemon, work, done, look);
}

static void follow(void *data)
{
    begin(data, FALSE);
}

void deadlines_follow(Daemon *daemon)
{
    context_call(daemon, follow, daemon);
}
