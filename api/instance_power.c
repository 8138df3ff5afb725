#include "instance_power.h"

#include <string.h>

#include "error.h"
#include "instance/record.h"
#include "instance/status.h"
#include "instance/stop.h"
#include "notes.h"
#include "source_edit.h"
#include "warning.h"
#include "wire.h"

static const struct {
    const char *word, *title;
    const char *event; /* EV-143..150 */
} ACTIONS[POWER_MAX] = {
    [POWER_START] = {"start", "Starting instance", "instance-started"},
    [POWER_STOP] = {"stop", "Stopping instance", "instance-shutdown"},
    [POWER_RESTART] = {"restart", "Restarting instance", "instance-restarted"},
    [POWER_FREEZE] = {"freeze", "Freezing instance", "instance-paused"},
    [POWER_UNFREEZE] = {"unfreeze", "Unfreezing instance", "instance-resumed"},
};

gboolean power_action_parse(const char *text, PowerAction *ret_action, GError **error)
{
    for (guint i = 0; i < POWER_MAX; i++) {
        if (g_strcmp0(text, ACTIONS[i].word) == 0) {
            *ret_action = i;
            return TRUE;
        }
    }
    return error_set(error, ERR_INVALID,
                     "Unknown action: \"%s\"; one of start, stop, restart, freeze and unfreeze",
                     text != NULL ? text : "");
}

const char *power_action_title(PowerAction action)
{
    return ACTIONS[action].title;
}

static InstanceStatus status_of(Daemon *daemon, const Object *object)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);

    return instance_status(daemon->dir, name);
}

/* What an action finds in the way; NULL when it means something. */
static const char *obstacle(PowerAction action, InstanceStatus status)
{
    switch (action) {
    case POWER_START:
        return status != INSTANCE_STOPPED ? "The instance is already running" : NULL;
    case POWER_STOP:
        return status == INSTANCE_STOPPED ? "The instance is already stopped" : NULL;
    case POWER_FREEZE:
        if (status == INSTANCE_FROZEN)
            return "The instance is already frozen";
        return status == INSTANCE_STOPPED ? "The instance isn't running" : NULL;
    case POWER_UNFREEZE:
        if (status == INSTANCE_RUNNING)
            return "The instance is already running";
        return status == INSTANCE_STOPPED ? "The instance isn't running" : NULL;
    default:
        return status == INSTANCE_STOPPED ? "The instance is already stopped" : NULL;
    }
}

gboolean power_action_applies(Daemon *daemon, const Object *object, PowerAction action)
{
    return obstacle(action, status_of(daemon, object)) == NULL;
}

/* ---- one step: a transaction towards one state ---- */

typedef struct {
    const char *key;
    Power power;
    const char *by; /* who asks for the state to last; NULL: nobody, as when the host goes down */
} Wish;

static Plan *plan_powers(Engine *engine, const GPtrArray *keys, const Power *power, const char *by,
                         GError **error)
{
    g_autoptr(json_t) notes = NULL;
    Plan *plan;

    for (guint i = 0; by != NULL && i < keys->len; i++) {
        const Object *stored = snapshot_get(engine_stored(engine), keys->pdata[i]);
        g_autoptr(json_t) more = NULL;

        if (stored != NULL &&
            !source_edit_check_power(engine, stored, power->state, by, &more, error))
            return NULL;
        notes_join(&notes, more);
    }
    plan = engine_plan_power(engine, keys, power, error);
    if (plan != NULL)
        notes_join(&plan->notes, notes);
    return plan;
}

static Plan *plan_power(Engine *engine, void *data, GError **error)
{
    const Wish *wish = data;
    g_autoptr(GPtrArray) keys = g_ptr_array_new();

    g_ptr_array_add(keys, (gpointer)wish->key);
    return plan_powers(engine, keys, &wish->power, wish->by, error);
}

static Plan *plan_delete(Engine *engine, void *data, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    PlanOptions options = {0};

    g_ptr_array_add(keys, data);
    return engine_plan_delete(engine, keys, &options, error);
}

/* Power is told here and not as part of the plan: that does not know a restart, or a clean stop. */
static gboolean bring(Daemon *daemon, const char *cause, Wish *wish, GError **error)
{
    ApplyOptions options = {.cause = cause};
    g_auto(ApplyResult) result = {0};
    g_autoptr(Plan) plan = NULL;

    if (!engine_transact(daemon->engine, plan_power, wish, &options, &plan, &result, error))
        return FALSE;
    warning_follow_plan(daemon, plan);
    return TRUE;
}

static void tell(Daemon *daemon, const Caller *caller, const Object *object, const char *event)
{
    g_autofree char *path = wire_path(object);

    events_lifecycle(daemon->events, event, object->id.project, path, NULL, caller);
}

static Object *find(Daemon *daemon, const char *key)
{
    g_autoptr(Snapshot) model = engine_ref_stored(daemon->engine);
    const Object *object = snapshot_get(model, key);

    return object != NULL ? object_ref(object) : NULL;
}

/* I-011 */
static gboolean delete_ephemeral(Daemon *daemon, const Caller *caller, const Object *object,
                                 GError **error)
{
    if (!json_is_true(json_object_get(object->spec, "ephemeral")))
        return TRUE;
    return daemon_transact(daemon, caller, "ephemeral instance stopped", NULL, plan_delete,
                           object->key, error);
}

/* A clean stop may wait for long; whoever wants force now does not wait for it. */
static void hurry(Daemon *daemon, const Object *object)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);
    g_autoptr(json_t) record = record_read(daemon->dir, name, NULL);

    if (json_is_true(json_object_get(record, "stopping")))
        stop_kill(daemon->dir, name);
}

/* What an action brings about; of a restart, its first half. */
static Wish wish_for(const char *key, const PowerChange *change, const char *by)
{
    gint64 timeout = change->timeout == 0 ? 1 : change->timeout; /* the signal needs some time */

    if (change->action == POWER_STOP || change->action == POWER_RESTART)
        return (Wish){key,
                      {.state = "stopped",
                       .force = change->force,
                       .timeout = timeout,
                       .brief = change->brief},
                      by};
    return (Wish){key,
                  {.state = change->action == POWER_FREEZE ? "frozen" : "running",
                   .timeout = POWER_TIMEOUT_OF_INSTANCE},
                  by};
}

static gboolean stop(Daemon *daemon, const Object *object, const PowerChange *change,
                     const char *cause, const char *by, GError **error)
{
    Wish wish = wish_for(object->key, change, by);

    if (change->force)
        hurry(daemon, object);
    return bring(daemon, cause, &wish, error);
}

static gboolean means_something(Daemon *daemon, const Object *object, PowerAction action,
                                GError **error)
{
    const char *problem;

    if (object == NULL)
        return error_set(error, ERR_NOT_FOUND, "Instance not found");
    problem = obstacle(action, status_of(daemon, object));
    return problem == NULL || error_set(error, ERR_INVALID, "%s", problem);
}

Plan *instance_power_plan(Engine *engine, void *data, GError **error)
{
    const PowerTry *attempt = data;
    PowerAction action = attempt->change->action;
    Power power = wish_for(NULL, attempt->change, NULL).power;
    Plan *plan;

    for (guint i = 0; i < attempt->keys->len; i++) {
        const Object *object = snapshot_get(engine_stored(engine), attempt->keys->pdata[i]);

        if (!means_something(attempt->daemon, object, action, error))
            return NULL;
    }
    plan = plan_powers(engine, attempt->keys, &power, attempt->by, error);
    if (plan != NULL && action == POWER_RESTART && attempt->keys->len > 0)
        g_ptr_array_add(plan->warnings, g_strdup("restart: this is its first half; what it stops "
                                                 "is started again in a second transaction"));
    return plan;
}

gboolean instance_power(Daemon *daemon, const Caller *caller, const char *key,
                        const PowerChange *change, GError **error)
{
    g_autoptr(Object) object = find(daemon, key);
    g_autofree char *cause = g_strdup_printf("api %s", ACTIONS[change->action].word);
    const char *event = ACTIONS[change->action].event;
    const char *by = caller != NULL && !change->brief ? caller->username : NULL;
    PowerChange start = {.action = POWER_START};
    Wish wish = wish_for(key, change->action == POWER_RESTART ? &start : change, by);

    if (!means_something(daemon, object, change->action, error))
        return FALSE;
    switch (change->action) {
    case POWER_STOP:
        if (!stop(daemon, object, change, cause, by, error))
            return FALSE;
        tell(daemon, caller, object, change->force ? "instance-stopped" : event);
        return change->brief || delete_ephemeral(daemon, caller, object, error);
    case POWER_RESTART:
        if (!stop(daemon, object, change, cause, NULL, error))
            return FALSE;
        break;
    default:
        break;
    }
    if (!bring(daemon, cause, &wish, error))
        return FALSE;
    tell(daemon, caller, object, event);
    return TRUE;
}

gboolean instance_ended(Daemon *daemon, const char *key, gboolean in_order, GError **error)
{
    g_autoptr(Object) object = find(daemon, key);
    Wish wish = {key, {.state = "stopped", .force = TRUE, .timeout = 0}};

    if (object == NULL || status_of(daemon, object) != INSTANCE_STOPPED ||
        json_member_string(object->spec, "state") != NULL)
        return TRUE;
    if (g_strcmp0(object_config(object, "volatile.last_state.power"), "RUNNING") != 0)
        return TRUE;
    if (!bring(daemon, "instance ended by itself", &wish, error))
        return FALSE;
    tell(daemon, NULL, object, in_order ? "instance-shutdown" : "instance-stopped");
    return delete_ephemeral(daemon, NULL, object, error);
}
