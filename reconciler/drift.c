#include "drift.h"

#include <string.h>

#include "error.h"
#include "facts.h"
#include "fields.h"
#include "holds.h"
#include "mode.h"
#include "patch_files.h"
#include "source_sync.h"
#include "wanted.h"

typedef struct {
    Engine *engine;
    const Plan *plan;
    const Snapshot *stored;
    Snapshot *desired;  /* `stored` with what sources declare of their objects */
    GHashTable *edited; /* key -> GPtrArray of PlanField *: stored -> desired */
    HostFacts *host_facts;
    json_t *conditions;
} Drift;

gboolean drift_lacks_data(const Plan *plan, const char *key)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const PlanStep *step = plan->steps->pdata[i];

        if (strcmp(step->object, key) == 0 && step->row->data && step->step.from == NULL)
            return TRUE;
    }
    return FALSE;
}

gboolean drift_is_stopped_by_hand(const PlanObject *object)
{
    return object->stored->id.kind == KIND_INSTANCE &&
           json_object_get(object->observed, "running") == NULL &&
           g_strcmp0(object_config(object->stored, "volatile.last_state.power"), "STOPPED") == 0;
}

/* ---- what sources declare ---- */

/* Called for each source that owns some of the keys, with the set of these. */
typedef gboolean (*SourceFunction)(Engine *engine, const Object *source, GHashTable *own,
                                   void *data, GError **error);

static gboolean for_sources(Engine *engine, const Snapshot *stored, const GPtrArray *keys,
                            SourceFunction run, void *data, GError **error)
{
    guint first, count;

    snapshot_range(stored, KIND_SOURCE, "", &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *source = snapshot_at(stored, i);
        g_autofree char *owner = source_owner(source->id.name);
        g_autoptr(GHashTable) own = g_hash_table_new(g_str_hash, g_str_equal);

        for (guint k = 0; k < keys->len; k++) {
            const Object *object = snapshot_get(stored, keys->pdata[k]);

            if (object != NULL && strcmp(object->owner, owner) == 0)
                g_hash_table_add(own, keys->pdata[k]);
        }
        if (g_hash_table_size(own) > 0 && !run(engine, source, own, data, error))
            return FALSE;
    }
    return TRUE;
}

typedef struct {
    Drift *drift;
    GPtrArray *declared; /* of Object * */
    json_t *warnings;
} Reading;

static void add_declared(const Reading *reading, const Object *object, const Object *source)
{
    g_autoptr(Wanted) wanted = wanted_new();
    g_autofree char *owner = source_owner(source->id.name);
    const Object *now = snapshot_get(reading->drift->stored, object->key);
    g_autoptr(GPtrArray) fields = NULL;
    Object *declared;

    wanted_put(wanted, reading->drift->stored, object, owner);
    declared = wanted->put->pdata[0];
    fields = fields_diff(now, declared);
    if (fields->len == 0)
        return;
    for (guint i = 0; i < fields->len; i++) {
        PlanField *field = fields->pdata[i];

        field->where = object_where(object, field->path);
    }
    g_ptr_array_add(reading->declared, object_ref(declared));
    g_hash_table_insert(reading->drift->edited, g_strdup(object->key), g_steal_pointer(&fields));
}

static gboolean read_source(Engine *engine, const Object *source, GHashTable *own, void *data,
                            GError **error)
{
    const Reading *reading = data;
    g_autoptr(GError) failure = NULL;
    g_autofree char *prefix = NULL;
    g_autoptr(Input) input = source_input(engine, source, &prefix, &failure);

    if (input == NULL) {
        json_array_append_new(reading->warnings,
                              json_sprintf("what source %s declares cannot be told: %s",
                                           source->id.name, failure->message));
        return TRUE;
    }
    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];

        if (g_hash_table_contains(own, object->key))
            add_declared(reading, object, source);
    }
    return TRUE;
}

/* ---- what files declare ---- */

/* Only the command reads files of a `file:` set, with paths and variables of who types, so that
 * what such a set declares is what was stored of it when it was last applied; but for held fields,
 * of which is remembered what it wanted. */
static void read_held(const Reading *reading, const json_t *holds, const char *key)
{
    const Object *now = snapshot_get(reading->drift->stored, key);
    g_autoptr(Wanted) wanted = wanted_new();
    g_autoptr(GPtrArray) fields = NULL;
    gboolean told = TRUE;
    const json_t *hold, *want;
    Object *declared;
    size_t i, w;

    if (now == NULL || !g_str_has_prefix(now->owner, "file:") ||
        g_hash_table_contains(reading->drift->edited, key))
        return;
    wanted_put(wanted, reading->drift->stored, now, now->owner);
    declared = wanted->put->pdata[0];
    json_array_foreach ((json_t *)holds, i, hold) {
        if (strcmp(json_member_string(hold, "object"), key) != 0)
            continue;
        json_array_foreach (json_object_get(hold, "wants"), w, want) {
            const char *path = json_member_string(want, "path");
            const json_t *value = json_object_get(want, "value");

            if (*path != '\0')
                json_put_at(declared->spec, path, json_is_null(value) ? NULL : value);
        }
    }
    fields = fields_diff(now, declared);
    if (fields->len == 0)
        return;
    for (i = 0; i < fields->len; i++) {
        PlanField *field = fields->pdata[i];
        g_autoptr(json_t) known = holds_want(holds_find(holds, key, field->path), field->path);

        field->where = g_strdup(json_member_string(known, "where"));
        told = told && !field->secret;
    }
    /* What stands for a secret is no value that the host could have. */
    if (told)
        g_ptr_array_add(reading->declared, object_ref(declared));
    g_hash_table_insert(reading->drift->edited, g_strdup(key), g_steal_pointer(&fields));
}

static gboolean read_holds(const Reading *reading, GError **error)
{
    g_autoptr(json_t) holds = engine_holds(reading->drift->engine, error);
    const json_t *hold;
    size_t i;

    json_array_foreach (holds, i, hold)
        read_held(reading, holds, json_member_string(hold, "object"));
    return holds != NULL;
}

/* ---- fields ---- */

/* Secrets that a row marks are not told; tokens are masked where anything leaves. */
static json_t *shown(const PlanField *field, const json_t *value)
{
    if (value == NULL)
        return json_null();
    return field->secret ? json_string("(secret)") : json_incref((json_t *)value);
}

static void add_field(json_t *fields, const char *path, const json_t *desired, const json_t *stored,
                      const json_t *running, Label label, const char *state, const char *where)
{
    json_t *nothing = json_null();

    json_array_append_new(fields,
                          json_pack("{s:s, s:O, s:O, s:O, s:s, s:s, s:s?}", "path", path, "desired",
                                    desired != NULL ? desired : nothing, "stored",
                                    stored != NULL ? stored : nothing, "running",
                                    running != NULL ? running : nothing, "label",
                                    label_to_string(label), "state", state, "source", where));
}

typedef struct {
    json_t *fields;
    const char *path;      /* of the whole fact */
    const json_t *desired; /* the whole fact */
    Label label;
    const char *state;
} DriftedFact;

static void add_part(const char *path, const json_t *stored, const json_t *running, void *data)
{
    const DriftedFact *fact = data;
    const char *below = path + strlen(fact->path);

    add_field(fact->fields, path,
              *below == '\0' ? fact->desired : json_at(fact->desired, below + strlen("/")), stored,
              running, fact->label, fact->state, NULL);
}

static const json_t *condition_of(const Drift *drift, const char *key, const char *type)
{
    const json_t *condition;
    size_t i;

    json_array_foreach (drift->conditions, i, condition)
        if (g_strcmp0(json_member_string(condition, "object"), key) == 0 &&
            g_strcmp0(json_member_string(condition, "type"), type) == 0)
            return condition;
    return NULL;
}

/* What the facts would be by what the sources declare; NULL when that is what is stored, or cannot
 * be told. New reference. */
static json_t *desired_facts(const Drift *drift, const PlanObject *object)
{
    const Driver *driver = DRIVERS[object->stored->id.kind];
    const Host *host = engine_host(drift->engine);
    const Context context = {drift->desired, drift->host_facts, host->dir, host->seed, NULL, FALSE};
    const Object *desired = snapshot_get(drift->desired, object->stored->key);
    json_t *facts;

    if (driver == NULL || g_hash_table_size(drift->edited) == 0)
        return NULL;
    facts = driver->expect(&context, desired, object->observed, NULL);
    json_decref(driver_take_remarks(facts));
    return facts;
}

static void add_facts(const Drift *drift, const PlanObject *object, json_t *fields)
{
    g_autoptr(json_t) desired = desired_facts(drift, object);
    gboolean waits = condition_of(drift, object->key, "RestartPending") != NULL;

    for (guint i = 0; i < object->fields->len; i++) {
        const PlanField *field = object->fields->pdata[i];
        gboolean pending = field->pending || (waits && field->label >= LABEL_RESTART);
        g_autoptr(json_t) stored = shown(field, field->after);
        g_autoptr(json_t) running = shown(field, field->before);
        g_autoptr(json_t) wanted =
            shown(field, desired != NULL ? json_at(desired, field->path) : field->after);

        DriftedFact fact = {fields, field->path, wanted, field->label,
                            pending ? "pending" : "drift"};

        facts_take_apart(field->path, stored, running, add_part, &fact);
    }
}

/* In force is what is stored, unless the host differs. */
static void add_edited(const GPtrArray *edited, gboolean in_force, json_t *fields)
{
    for (guint i = 0; edited != NULL && i < edited->len; i++) {
        const PlanField *field = edited->pdata[i];
        g_autoptr(json_t) stored = shown(field, field->before);
        g_autoptr(json_t) desired = shown(field, field->after);

        add_field(fields, field->path, desired, stored, in_force ? stored : NULL, field->label,
                  "edited", field->where);
    }
}

/* ---- objects ---- */

gboolean drift_has_state(const json_t *entry, const char *state)
{
    const json_t *field;
    size_t i;

    json_array_foreach (json_object_get(entry, "fields"), i, field)
        if (g_strcmp0(json_member_string(field, "state"), state) == 0)
            return TRUE;
    return FALSE;
}

/* What comes of it, for people. */
static const char *next_of(const Drift *drift, const PlanObject *planned, const json_t *entry,
                           Mode mode)
{
    if (drift_has_state(entry, "drift")) {
        if (drift_lacks_data(drift->plan, planned->key))
            return "its data are gone, and are not made up";
        if (drift_is_stopped_by_hand(planned))
            return "stopped over the API, and left so; an apply starts it";
        return mode == MODE_CORRECT ? "the daemon puts it right" : "an apply puts it right";
    }
    if (drift_has_state(entry, "pending"))
        return "in force after a restart";
    return "held, or taken back by the next round of its source";
}

static void add_entry(const Drift *drift, const char *key, const PlanObject *planned, json_t *list)
{
    const Object *object = snapshot_get(drift->stored, key);
    const json_t *condition = condition_of(drift, key, "Drifted");
    Mode mode = mode_of(drift->stored, object);
    json_t *fields = json_array();
    json_t *entry = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:[s], s:s, s:s, s:o}", "key", key, "kind",
        object_kind(object)->name, "project", object->id.project, "name", object->id.name, "owner",
        object->owner, "actions", action_to_string(planned != NULL ? planned->action : ACTION_NONE),
        "label", label_to_string(planned != NULL ? planned->label : LABEL_NONE), "mode",
        mode_to_string(mode), "fields", fields);

    if (planned != NULL)
        add_facts(drift, planned, fields);
    add_edited(g_hash_table_lookup(drift->edited, key), planned == NULL, fields);
    json_object_set_new(entry, "next", json_string(next_of(drift, planned, entry, mode)));
    json_object_set_new(entry, "since",
                        condition != NULL && json_is_true(json_object_get(condition, "status"))
                            ? json_incref(json_object_get(condition, "since"))
                            : json_null());
    json_array_append_new(list, entry);
}

/* Those of a plan in which something differs from what is stored: key -> PlanObject. */
static GHashTable *planned_objects(const Plan *plan)
{
    GHashTable *planned = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < plan->objects->len; i++) {
        PlanObject *object = plan->objects->pdata[i];

        if (object->stored != NULL && object->fields->len > 0)
            g_hash_table_insert(planned, object->key, object);
    }
    return planned;
}

json_t *drift_list(Engine *engine, const Plan *plan, const GPtrArray *keys, json_t *warnings,
                   GError **error)
{
    g_autoptr(GHashTable) edited =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    g_autoptr(GPtrArray) declared = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(HostFacts) facts = host_facts_new(engine_host(engine));
    g_autoptr(json_t) conditions = engine_conditions(engine, NULL, error);
    g_autoptr(GHashTable) planned = planned_objects(plan);
    g_autoptr(Snapshot) desired = NULL;
    Drift drift = {.engine = engine,
                   .plan = plan,
                   .stored = plan->base,
                   .edited = edited,
                   .host_facts = facts,
                   .conditions = conditions};
    Reading reading = {&drift, declared, warnings};
    g_autoptr(json_t) list = NULL;

    if (conditions == NULL ||
        !for_sources(engine, plan->base, keys, read_source, &reading, error) ||
        !read_holds(&reading, error))
        return NULL;
    drift.desired = desired = snapshot_change(plan->base, declared, NULL);
    list = json_array();
    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i];
        const PlanObject *object = g_hash_table_lookup(planned, key);

        if (object != NULL || g_hash_table_contains(edited, key))
            add_entry(&drift, key, object, list);
    }
    return host_facts_hold(facts, error) ? g_steal_pointer(&list) : NULL;
}

gboolean drift_is_any(const json_t *list, gboolean edited)
{
    const json_t *entry;
    size_t i;

    json_array_foreach (list, i, entry)
        if (drift_has_state(entry, "drift") || (edited && drift_has_state(entry, "edited")))
            return TRUE;
    return FALSE;
}

/* ---- as a patch of files ---- */

typedef struct {
    GString *text;
    json_t *left;
} Patch;

static gboolean patch_source(Engine *engine, const Object *source, GHashTable *own, void *data,
                             GError **error)
{
    const Patch *patch = data;
    g_autoptr(Snapshot) stored = engine_ref_stored(engine);
    g_autofree char *prefix = NULL;
    g_autoptr(Input) input = source_input(engine, source, &prefix, error);

    return input != NULL &&
           patch_files(input, stored, own, prefix, patch->text, patch->left, error);
}

json_t *drift_as_patch(Engine *engine, const GPtrArray *keys, GError **error)
{
    g_autoptr(Snapshot) stored = engine_ref_stored(engine);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(json_t) left = json_array();
    Patch patch = {text, left};

    return for_sources(engine, stored, keys, patch_source, &patch, error)
               ? json_pack("{s:s, s:O}", "text", text->str, "left", left)
               : NULL;
}
