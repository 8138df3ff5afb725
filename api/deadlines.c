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

static Plan *plan_revert(Engine *engine, void *data, GError **error)
{
    return engine_plan_revert(engine, *(const gint64 *)data, error);
}

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

static void revert_due(Look *look)
{
    g_autoptr(json_t) waiting = engine_unconfirmed(look->daemon->engine, NULL);
    size_t i;
    json_t *item;

    json_array_foreach (waiting, i, item) {
        gint64 number = json_integer_value(json_object_get(item, "generation"));
        g_autofree char *cause =
            g_strdup_printf("revert %" G_GINT64_FORMAT ": not confirmed in time", number);

        if (json_integer_value(json_object_get(item, "revert_at")) <= now_seconds())
            carry_out(look, cause, plan_revert, &number);
    }
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

static void work(void *data)
{
    Look *look = data;
    g_autoptr(Snapshot) model = NULL;
    g_autoptr(GPtrArray) expired = NULL;
    gint64 revert, lease;

    if (look->carry_out) {
        revert_due(look);
        end_leases(look);
    }
    model = engine_ref_stored(look->daemon->engine);
    expired = env_expired(model, now_seconds(), &lease);
    revert = engine_next_revert(look->daemon->engine);
    look->next = expired->len > 0            ? now_seconds()
                 : revert == 0 || lease == 0 ? MAX(revert, lease)
                                             : MIN(revert, lease);
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
