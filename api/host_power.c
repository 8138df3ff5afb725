#include "host_power.h"

#include <string.h>

#include "activation.h"
#include "expand.h"
#include "instance/status.h"
#include "instance_power.h"
#include "warning.h"

#define TRIES 3
#define TRY_SECONDS 5

/* An instance that is to be started or stopped. */
typedef struct {
    char *key;
    gint64 priority;
    gint64 delay; /* seconds after its start */
} Turn;

static void turn_free(gpointer data)
{
    Turn *turn = data;

    g_free(turn->key);
    g_free(turn);
}

/* Highest first, then by key, which is by name. */
static int compare_turns(gconstpointer a, gconstpointer b)
{
    const Turn *first = *(const Turn *const *)a, *second = *(const Turn *const *)b;

    if (first->priority != second->priority)
        return first->priority > second->priority ? -1 : 1;
    return strcmp(first->key, second->key);
}

static gint64 number_of(const json_t *config, const char *key)
{
    const char *text = json_member_string(config, key);

    return text != NULL ? g_ascii_strtoll(text, NULL, 10) : 0;
}

static gboolean runs(Daemon *daemon, const Object *object)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);

    return instance_status(daemon->dir, name) != INSTANCE_STOPPED;
}

/* All instances to start (`up`), or to stop, in order. */
static GPtrArray *turns_of(Daemon *daemon, gboolean up)
{
    g_autoptr(Snapshot) model = engine_ref_stored(daemon->engine);
    GPtrArray *turns = g_ptr_array_new_with_free_func(turn_free);

    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *object = snapshot_at(model, i);
        g_auto(Expanded) expanded = {0};
        Turn *turn;

        if (object->id.kind != KIND_INSTANCE || runs(daemon, object) == up)
            continue;
        expand_instance(model, object, &expanded);
        if (up && !activation_of_instance(object, expanded.config))
            continue;
        turn = g_new0(Turn, 1);
        turn->key = g_strdup(object->key);
        turn->priority =
            number_of(expanded.config, up ? "boot.autostart.priority" : "boot.stop.priority");
        turn->delay = number_of(expanded.config, "boot.autostart.delay");
        g_ptr_array_add(turns, turn);
    }
    g_ptr_array_sort(turns, compare_turns);
    return turns;
}

/* FALSE when the daemon goes meanwhile. */
static gboolean pause_for(Daemon *daemon, gint64 seconds)
{
    gint64 until = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;

    while (g_atomic_int_get(&daemon->phase) != DAEMON_STOPPING && g_get_monotonic_time() < until)
        g_usleep(100000);
    return g_atomic_int_get(&daemon->phase) != DAEMON_STOPPING;
}

/* ---- what instances stand on ---- */

/* Which pool or network to put right; NULL: all of them. */
static Plan *plan_ground(Engine *engine, void *data, GError **error)
{
    const char *key = data;
    const Snapshot *model = engine_stored(engine);
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    PlanOptions options = {.forbid_restart = TRUE};

    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *object = snapshot_at(model, i);

        if ((object->id.kind == KIND_POOL || object->id.kind == KIND_NETWORK) &&
            (key == NULL || strcmp(key, object->key) == 0))
            g_ptr_array_add(objects, (gpointer)object);
    }
    return engine_plan_change(engine, objects, NULL, &options, error);
}

/* All of them, each for itself: `together` could do nothing. */
static gboolean put_each_right(Daemon *daemon, const Snapshot *model)
{
    gboolean all = TRUE;

    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *object = snapshot_at(model, i);
        g_autoptr(GError) error = NULL;
        gboolean done;

        if (object->id.kind != KIND_POOL && object->id.kind != KIND_NETWORK)
            continue;
        done = daemon_transact(daemon, NULL, "start of the daemon", NULL, plan_ground, object->key,
                               &error);
        if (!done)
            g_warning("%s is not available: %s", object->key, error->message);
        warning_set(daemon, object->id.kind == KIND_POOL ? WARNING_POOL : WARNING_NETWORK,
                    object->key, !done, error != NULL ? error->message : "");
        all = all && done;
    }
    return all;
}

/* After a boot of the host, pools and networks are put right before instances. FALSE when some
 * could not: each has a warning then (NET-021). */
static gboolean put_ground_right(Daemon *daemon)
{
    g_autoptr(Snapshot) model = engine_ref_stored(daemon->engine);
    g_autoptr(GError) error = NULL;

    if (!daemon_transact(daemon, NULL, "start of the daemon", NULL, plan_ground, NULL, &error))
        return put_each_right(daemon, model);
    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *object = snapshot_at(model, i);

        if (object->id.kind == KIND_POOL)
            warning_resolve(daemon, WARNING_POOL, object->key);
        else if (object->id.kind == KIND_NETWORK)
            warning_resolve(daemon, WARNING_NETWORK, object->key);
    }
    return TRUE;
}

/* ---- up ---- */

/* FALSE when the daemon goes meanwhile. */
static gboolean start(Daemon *daemon, const Turn *turn)
{
    const PowerChange change = {.action = POWER_START};
    g_autofree char *reason = NULL;

    for (guint i = 0; i < TRIES; i++) {
        g_autoptr(GError) error = NULL;

        if (instance_power(daemon, NULL, turn->key, &change, &error))
            return pause_for(daemon, turn->delay);
        g_warning("%s cannot be started (try %u of %d): %s", turn->key, i + 1, TRIES,
                  error->message);
        g_free(reason);
        reason = g_strdup(error->message);
        if (i + 1 < TRIES && !pause_for(daemon, TRY_SECONDS))
            return FALSE;
    }
    warning_raise(daemon, WARNING_AUTOSTART, turn->key, reason);
    return TRUE;
}

gboolean host_power_up(Daemon *daemon)
{
    gboolean whole;
    g_autoptr(GPtrArray) turns = NULL;

    warning_look_at_host(daemon);
    whole = put_ground_right(daemon);
    turns = turns_of(daemon, TRUE);
    for (guint i = 0; i < turns->len; i++)
        if (!start(daemon, turns->pdata[i]))
            break;
    return whole;
}

gboolean host_power_up_again(Daemon *daemon)
{
    g_autoptr(GPtrArray) turns = NULL;

    if (!put_ground_right(daemon))
        return FALSE;
    turns = turns_of(daemon, TRUE);
    for (guint i = 0; i < turns->len; i++) {
        const Turn *turn = turns->pdata[i];

        if (warning_is_open(daemon, WARNING_AUTOSTART, turn->key) && !start(daemon, turn))
            break;
    }
    return TRUE;
}

/* ---- down ---- */

static void stop(gpointer data, gpointer user_data)
{
    const Turn *turn = data;
    PowerChange change = {
        .action = POWER_STOP, .timeout = POWER_TIMEOUT_OF_INSTANCE, .brief = TRUE};
    g_autoptr(GError) slow = NULL;
    g_autoptr(GError) error = NULL;

    if (instance_power(user_data, NULL, turn->key, &change, &slow))
        return;
    change.force = TRUE;
    if (!instance_power(user_data, NULL, turn->key, &change, &error))
        g_warning("%s cannot be stopped: %s", turn->key, error->message);
}

/* core.shutdown_timeout, in seconds. */
static gint64 shutdown_seconds(Daemon *daemon)
{
    g_autoptr(Snapshot) model = engine_ref_stored(daemon->engine);
    const Object *server = snapshot_find(model, KIND_SERVER, "", "");
    const char *minutes = server != NULL ? object_config(server, "core.shutdown_timeout") : NULL;

    return 60 * (minutes != NULL ? g_ascii_strtoll(minutes, NULL, 10) : 5);
}

void host_power_end_operations(Daemon *daemon)
{
    gint64 until = g_get_monotonic_time() + shutdown_seconds(daemon) * G_USEC_PER_SEC;

    operations_cancel_all(daemon->operations);
    while (operations_running(daemon->operations) > 0 && g_get_monotonic_time() < until)
        g_usleep(50000);
}

void host_power_down(Daemon *daemon, gboolean force)
{
    g_autoptr(GPtrArray) turns = NULL;

    if (!force)
        host_power_end_operations(daemon);
    turns = turns_of(daemon, FALSE);
    for (guint i = 0; i < turns->len;) {
        gint64 priority = ((const Turn *)turns->pdata[i])->priority;
        GThreadPool *threads = g_thread_pool_new(stop, daemon, -1, FALSE, NULL);

        for (; i < turns->len && ((const Turn *)turns->pdata[i])->priority == priority; i++)
            g_thread_pool_push(threads, turns->pdata[i], NULL);
        g_thread_pool_free(threads, FALSE, TRUE);
    }
}
