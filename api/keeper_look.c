#include "keeper_look.h"

#include <string.h>

#include "drift.h"
#include "error.h"
#include "instance/ended.h"
#include "instance/record.h"
#include "instance_power.h"
#include "mode.h"
#include "refs.h"

/* Fields that a reason names before it only counts the others. */
#define REASON_FIELDS 6

typedef struct {
    Look *look;
    Snapshot *model;
    LookResult done;
    void *data;
} Round;

static void count(Look *look, guint64 *figure)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&look->mutex);

    (*figure)++;
}

/* ---- who may be touched ---- */

/* An object that somebody changes just now, or what it stands on, shows what is half done. */
static gboolean is_busy(const Round *round, const Object *object)
{
    g_autoptr(GPtrArray) needs = refs_keys(round->model, object);
    gboolean busy = engine_is_busy(round->look->daemon->engine, object->key);

    for (guint i = 0; !busy && i < needs->len; i++)
        busy = engine_is_busy(round->look->daemon->engine, needs->pdata[i]);
    return busy;
}

/* EN-47: whether somebody asked for the object to be left as it is. */
static gboolean is_held(const Object *object)
{
    return FALSE;
}

/* ---- what is said ---- */

static gboolean is_drift(const PlanField *field)
{
    return field->drift && !field->pending;
}

static guint drift_count(const PlanObject *object)
{
    guint found = 0;

    for (guint i = 0; i < object->fields->len; i++)
        found += is_drift(object->fields->pdata[i]) ? 1 : 0;
    return found;
}

/* "link is gone, firewall differs". Newly allocated. */
static char *reason_of(const PlanObject *object)
{
    GString *text = g_string_new(NULL);
    guint named = 0, all = drift_count(object);

    for (guint i = 0; i < object->fields->len && named < REASON_FIELDS; i++) {
        const PlanField *field = object->fields->pdata[i];
        const char *how = "differs";

        if (!is_drift(field))
            continue;
        if (field->before == NULL)
            how = "is gone";
        else if (field->after == NULL)
            how = "should not be there";
        g_string_append_printf(text, "%s%s %s", named > 0 ? ", " : "", field->path, how);
        named++;
    }
    if (all > named)
        g_string_append_printf(text, ", and %u more", all - named);
    return g_string_free(text, FALSE);
}

static void converged(const Round *round, const Object *object)
{
    static const char *const types[] = {"Drifted", "Stalled", "Degraded"};
    Look *look = round->look;

    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        conditions_set(look->conditions, object, types[i], FALSE, "");
    conditions_set(look->conditions, object, "Ready", TRUE, "as stored");
    g_mutex_lock(&look->mutex);
    g_hash_table_remove(look->rounds, object->key);
    g_mutex_unlock(&look->mutex);
}

static void drifted(const Round *round, const PlanObject *object, const char *more)
{
    g_autofree char *reason = reason_of(object);
    g_autofree char *whole = g_strdup_printf("%s%s", reason, more);
    Conditions *conditions = round->look->conditions;

    if (!conditions_set(conditions, object->stored, "Drifted", TRUE, whole))
        return;
    conditions_set(conditions, object->stored, "Ready", FALSE, whole);
    count(round->look, &round->look->figures.drifts);
    g_warning("%s has drifted: %s", object->key, whole);
}

static void finish(const Round *round, const char *key, QueueResult result)
{
    round->done(round->data, key, result);
}

static void failed(const Round *round, const char *key, const char *what, const GError *error)
{
    const Object *object = snapshot_get(round->model, key);
    g_autofree char *reason = g_strdup_printf("%s: %s", what, error->message);

    finish(round, key, QUEUE_FAILED);
    if (object != NULL && conditions_set(round->look->conditions, object, "Stalled", TRUE, reason))
        g_warning("%s: %s", key, reason);
}

/* ---- instances that are gone ---- */

static guint next_round(Look *look, const char *key)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&look->mutex);
    guint so_far = GPOINTER_TO_UINT(g_hash_table_lookup(look->rounds, key));

    g_hash_table_insert(look->rounds, g_strdup(key), GUINT_TO_POINTER(so_far + 1));
    return so_far;
}

/* Its hook may be about to say why, or to start it again after a reboot from inside: that is waited
 * for. A run whose monitor was killed has no hook; somebody has to say it (I-011, OPS-83). */
static gboolean wait_for_hook(const Round *round, const PlanObject *object)
{
    const Object *instance = object->stored;
    Daemon *daemon = round->look->daemon;
    g_autofree char *name = NULL;
    g_autoptr(json_t) record = NULL;
    g_autoptr(GError) error = NULL;

    if (instance->id.kind != KIND_INSTANCE || json_object_get(object->observed, "stale") == NULL)
        return FALSE;
    name = disk_name(instance->id.project, instance->id.name);
    switch (next_round(round->look, instance->key)) {
    case 0:
        return TRUE;
    case 1:
        record = record_read(daemon->dir, name, NULL);
        ended_note_lost(&(Ended){daemon->dir, name, instance->key}, record, NULL);
        return TRUE;
    case 2:
        if (!instance_ended(daemon, instance->key, FALSE, &error))
            g_warning("%s ended by itself, which cannot be taken note of: %s", instance->key,
                      error->message);
        return TRUE;
    default:
        return FALSE;
    }
}

/* ---- putting right ---- */

static Plan *plan_repair(Engine *engine, void *data, GError **error)
{
    return engine_plan_repair(engine, data, error);
}

static gboolean repair(const Round *round, GPtrArray *keys, GError **error)
{
    return daemon_transact(round->look->daemon, NULL, "drift", NULL, plan_repair, keys, error);
}

static void repaired(const Round *round, const GPtrArray *keys)
{
    for (guint i = 0; i < keys->len; i++) {
        const Object *object = snapshot_get(round->model, keys->pdata[i]);

        count(round->look, &round->look->figures.heals);
        g_message("%s is put right", object->key);
        converged(round, object);
        finish(round, object->key, QUEUE_HEALED);
    }
}

/* Together first; when that fails each alone, so that one that cannot be put right keeps none of
 * the others from it. */
static void put_right(const Round *round, GPtrArray *keys)
{
    g_autoptr(GError) error = NULL;

    if (keys->len == 0)
        return;
    if (repair(round, keys, &error)) {
        repaired(round, keys);
        return;
    }
    if (keys->len == 1) {
        count(round->look, &round->look->figures.heal_failures);
        failed(round, keys->pdata[0], "cannot be put right", error);
        return;
    }
    for (guint i = 0; i < keys->len; i++) {
        g_autoptr(GPtrArray) one = g_ptr_array_new();

        g_ptr_array_add(one, keys->pdata[i]);
        put_right(round, one);
    }
}

/* ---- looking ---- */

static const PlanObject *plan_object(const Plan *plan, const char *key)
{
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        if (strcmp(object->key, key) == 0)
            return object;
    }
    return NULL;
}

/* TRUE when it is to be put right. */
static gboolean judge(const Round *round, const Plan *plan, const PlanObject *object)
{
    Mode mode = mode_of(round->model, object->stored);

    if (wait_for_hook(round, object)) {
        finish(round, object->key, QUEUE_UNSURE);
        return FALSE;
    }
    if (mode == MODE_OFF) {
        finish(round, object->key, QUEUE_CONVERGED);
        return FALSE;
    }
    if (drift_lacks_data(plan, object->key)) {
        drifted(round, object, "");
        conditions_set(round->look->conditions, object->stored, "Degraded", TRUE,
                       "its data are gone: restore a backup, or have it made anew by deleting it "
                       "and applying again");
        finish(round, object->key, QUEUE_CONVERGED);
        return FALSE;
    }
    if (drift_is_stopped_by_hand(object)) {
        drifted(round, object, "; stopped over the API, left so");
        finish(round, object->key, QUEUE_CONVERGED);
        return FALSE;
    }
    drifted(round, object, "");
    if (mode == MODE_CORRECT && !is_held(object->stored))
        return TRUE;
    finish(round, object->key, QUEUE_CONVERGED);
    return FALSE;
}

static void look_together(const Round *round, const GPtrArray *keys)
{
    g_autoptr(GPtrArray) wrong = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = engine_look_at(round->look->daemon->engine, keys, &error);

    if (plan == NULL && keys->len == 1) {
        failed(round, keys->pdata[0], "cannot be looked at", error);
        return;
    }
    for (guint i = 0; i < keys->len; i++) {
        char *key = keys->pdata[i];
        const PlanObject *object = plan != NULL ? plan_object(plan, key) : NULL;

        if (plan == NULL) {
            g_autoptr(GPtrArray) one = g_ptr_array_new();

            g_ptr_array_add(one, key);
            look_together(round, one);
        } else if (object == NULL || drift_count(object) == 0) {
            converged(round, snapshot_get(round->model, key));
            finish(round, key, QUEUE_CONVERGED);
        } else if (judge(round, plan, object)) {
            g_ptr_array_add(wrong, key);
        }
    }
    put_right(round, wrong);
}

void look_at(Look *look, const GPtrArray *keys, LookResult done, void *data)
{
    g_autoptr(Snapshot) model = engine_ref_stored(look->daemon->engine);
    g_autoptr(GPtrArray) seen = g_ptr_array_new();
    Round round = {look, model, done, data};

    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i];
        const Object *object = snapshot_get(model, key);

        if (object == NULL || DRIVERS[object->id.kind] == NULL ||
            g_atomic_int_get(&look->daemon->phase) != DAEMON_READY) {
            finish(&round, key, QUEUE_CONVERGED);
        } else if (is_busy(&round, object)) {
            finish(&round, key, QUEUE_BUSY);
        } else if (mode_of(model, object) == MODE_OFF && object->id.kind != KIND_INSTANCE) {
            conditions_set(look->conditions, object, "Drifted", FALSE, "");
            finish(&round, key, QUEUE_CONVERGED);
        } else {
            count(look, &look->figures.looks);
            g_ptr_array_add(seen, (gpointer)key);
        }
    }
    if (seen->len > 0)
        look_together(&round, seen);
}
