#include "engine_private.h"

#include <string.h>

#include "error.h"
#include "facts.h"
#include "holds.h"
#include "image_clock.h"
#include "notes.h"
#include "planner.h"
#include "recover.h"
#include "source_sync.h"
#include "stage.h"

/* After an undo the host must be what the committed model says; what is not is put right once
 * (DESIGN 4, 'Recovery'). */
static gboolean settle(Engine *engine, const GPtrArray *keys, GError **error)
{
    PlanOptions options = {0};
    ApplyOptions apply = {.cause = "recovery"};
    g_auto(ApplyResult) result = {0};
    g_autoptr(Plan) plan = engine_plan_wanted(engine, wanted_new(), keys, &options, error);

    if (plan == NULL)
        return FALSE;
    return plan_is_empty(plan) || engine_apply(engine, plan, &apply, &result, error);
}

void engine_look(Engine *engine)
{
    g_autoptr(GRecMutexLocker) held = store_hold(engine->store);

    g_clear_pointer(&engine->stored, snapshot_unref);
    engine->stored = store_ref_snapshot(engine->store);
    engine->revision = store_revision(engine->store);
    engine_follow_proxy(engine->stored);
}

gboolean engine_recover(Engine *engine, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *recovered = NULL;

    if (!recover_run(engine->store, engine->host, keys, &recovered, error))
        return FALSE;
    engine_look(engine);
    if (keys->len > 0 && !settle(engine, keys, error))
        return FALSE;
    engine_sweep_secrets(engine);
    if (recovered != NULL) {
        g_free(engine->recovered);
        engine->recovered = g_steal_pointer(&recovered);
    }
    return TRUE;
}

void engine_sweep_secrets(Engine *engine)
{
    g_autoptr(GRecMutexLocker) held = store_hold(engine->store);

    if (engine->sealed != NULL && g_atomic_int_get(&engine->carrying) == 0 &&
        store_database(engine->store) != NULL)
        contents_sweep(engine->sealed, store_database(engine->store));
}

/* What was to be confirmed while no berth ran. A failure is told and does not keep anybody out: it
 * is tried again. */
static void take_back(Engine *engine)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *told = engine_revert_due(engine, &failure);
    GString *text = g_string_new(engine->recovered);

    if (told != NULL)
        g_string_append_printf(text, "%s%s", text->len > 0 ? "\n" : "", told);
    if (failure != NULL)
        g_string_append_printf(text, "%s%s", text->len > 0 ? "\n" : "", failure->message);
    g_free(engine->recovered);
    engine->recovered = g_string_free(text, text->len == 0);
}

/* What an apply of a bundle (EN-52) unpacked and could not remove, because it was killed. */
static void sweep_bundle(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "cache", "bundle", NULL);

    stage_sweep(path);
}

Engine *engine_open(Host *host, EngineFlags flags, GError **error)
{
    g_autoptr(Engine) engine = g_new0(Engine, 1);

    g_mutex_init(&engine->mutex);
    g_cond_init(&engine->released);
    engine->locks = locks_new();
    engine->host = host;
    host->pause = engine_pause;
    host->pause_data = engine;
    engine->writes = (flags & ENGINE_READ_ONLY) == 0;
    engine->sealed = sealed_new(host->dir);
    engine->store = store_open(host->dir, engine->writes, (flags & ENGINE_NO_WAIT) == 0, error);
    if (engine->store == NULL)
        return NULL;
    engine_look(engine);
    if (engine->writes && !engine_recover(engine, error))
        return NULL;
    if (engine->writes) {
        take_back(engine);
        sweep_bundle(host->dir);
    }
    engine->shares = (flags & ENGINE_SHARES) != 0;
    if (engine->shares)
        store_release(engine->store);
    return g_steal_pointer(&engine);
}

void engine_close(Engine *engine)
{
    if (engine == NULL)
        return;
    engine->host->pause = NULL;
    g_clear_pointer(&engine->stored, snapshot_unref);
    store_close(engine->store);
    locks_free(engine->locks);
    g_cond_clear(&engine->released);
    g_mutex_clear(&engine->mutex);
    sealed_free(engine->sealed);
    g_free(engine->recovered);
    g_free(engine);
}

const Snapshot *engine_stored(Engine *engine)
{
    return engine->stored;
}

Snapshot *engine_ref_stored(Engine *engine)
{
    return store_ref_snapshot(engine->store);
}

Host *engine_host(Engine *engine)
{
    return engine->host;
}

Store *engine_store(Engine *engine)
{
    return engine->store;
}

const char *engine_recovered(Engine *engine)
{
    return engine->recovered;
}

/* IMG-087 */
static void note_uses(Plan *plan)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        if (object->stored == NULL && object->wanted->id.kind == KIND_INSTANCE)
            image_clock_note(&plan->notes, plan->next, object->wanted, now);
    }
}

static json_t *key_row(SqlStatement *statement)
{
    return json_string(sql_text(statement, 0));
}

/* Keys of what has something stored that comes into force with a restart; NULL when none has. */
static GHashTable *waiting_keys(Engine *engine)
{
    g_autoptr(json_t) rows =
        store_rows(engine->store, key_row, NULL,
                   "SELECT key FROM conditions WHERE type = 'RestartPending' AND status = 1", NULL);
    GHashTable *keys = NULL;
    json_t *row;
    size_t i;

    json_array_foreach (rows, i, row) {
        if (keys == NULL)
            keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_add(keys, g_strdup(json_string_value(row)));
    }
    return keys;
}

Plan *engine_plan_wanted(Engine *engine, Wanted *wanted, const GPtrArray *examine,
                         const PlanOptions *options, GError **error)
{
    g_autoptr(GHashTable) waiting = waiting_keys(engine);
    PlanOptions own = *options;
    Plan *plan;

    own.waiting = waiting;
    plan =
        planner_make(engine->host, engine->stored, engine->revision, wanted, examine, &own, error);
    wanted_free(wanted);
    if (plan != NULL)
        note_uses(plan);
    return plan;
}

/* Two sources that declare the same: the other place is named too (EN-43). */
static void add_other_place(Engine *engine, const Input *input, const PlanOptions *options,
                            GError **error)
{
    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];
        const Object *stored = snapshot_get(engine->stored, object->key);
        g_autofree char *where = NULL;

        if (stored == NULL || strcmp(stored->owner, "api") == 0 ||
            g_strcmp0(stored->owner, options->set) == 0)
            continue;
        where = source_where(engine, stored, "");
        if (where != NULL && error != NULL && *error != NULL) {
            char *text = g_strdup_printf("%s; there it is at %s", (*error)->message, where);

            g_free((*error)->message);
            (*error)->message = text;
        }
        return;
    }
}

/* {KEY: fingerprint of what its client sends, or null: its files are here} of all images that the
 * input has files of. */
static json_t *sent_of(const Input *input)
{
    json_t *sent = json_object();

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];
        json_t *content = json_object_get(input->sent, object->key);

        if (object->id.kind == KIND_IMAGE && json_string_at(object->spec, "source/file") != NULL)
            json_object_set_new(sent, object->key,
                                content != NULL ? json_incref(content) : json_null());
    }
    return sent;
}

Plan *engine_plan(Engine *engine, const Input *input, const PlanOptions *options, GError **error)
{
    g_autoptr(Wanted) wanted = wanted_new();
    g_autoptr(GHashTable) contents = NULL;
    g_autoptr(json_t) holds = engine_holds(engine, error);
    g_autoptr(json_t) images = json_pack("{s:O, s:b, s:o}", "locks", input->locks, "refresh",
                                         options->refresh, "sent", sent_of(input));
    g_autoptr(json_t) notes = NULL;
    PlanOptions own = *options;
    Plan *plan;

    own.images = images;
    if (holds == NULL)
        return NULL;
    if (!wanted_add_input(wanted, engine->stored, input, options, error)) {
        add_other_place(engine, input, options, error);
        return NULL;
    }
    holds_keep(holds, engine->stored, wanted, &notes);
    if ((options->restore_parked && !restore_parked(engine, wanted, error)) ||
        !contents_read(engine->sealed, wanted, &contents, error) ||
        (options->saved && contents != NULL && !sealed_keep_key(engine->sealed, error)))
        return NULL;
    plan = engine_plan_wanted(engine, g_steal_pointer(&wanted), NULL, &own, error);
    if (plan != NULL) {
        plan->secrets = g_steal_pointer(&contents);
        notes_join(&plan->notes, notes);
    }
    return plan;
}

Plan *engine_plan_change(Engine *engine, const GPtrArray *objects, const GPtrArray *keys,
                         const PlanOptions *options, GError **error)
{
    Wanted *wanted = wanted_new();
    const Snapshot *base = engine->stored;

    for (guint i = 0; objects != NULL && i < objects->len; i++)
        wanted_put(wanted, base, objects->pdata[i], options->set);
    for (guint i = 0; keys != NULL && i < keys->len; i++)
        wanted_remove(wanted, base, keys->pdata[i]);
    return engine_plan_wanted(engine, wanted, NULL, options, error);
}

Plan *engine_plan_nothing(Engine *engine, void *warning, GError **error)
{
    PlanOptions options = {0};
    Plan *plan = engine_plan_change(engine, NULL, NULL, &options, error);

    if (plan == NULL || warning == NULL)
        return plan;
    g_ptr_array_add(plan->warnings, g_strdup(warning));
    plan_seal(plan);
    return plan;
}

/* What an instance is brought back to when the host comes up (OPS-83). */
static void remember_power(Object *object, const char *state)
{
    gboolean runs = strcmp(state, "stopped") != 0;

    json_object_set_new(object->generated, "volatile.last_state.power",
                        json_string(runs ? "RUNNING" : "STOPPED"));
    if (runs)
        json_object_set_new(object->generated, "$last_used",
                            json_integer(g_get_real_time() / G_USEC_PER_SEC));
}

static json_t *power_action(const Power *power)
{
    json_t *action = json_pack("{s:s, s:b}", "state", power->state, "force", power->force);

    if (power->timeout != POWER_TIMEOUT_OF_INSTANCE)
        json_object_set_new(action, "timeout", json_integer(power->timeout));
    return action;
}

Plan *engine_plan_power(Engine *engine, const GPtrArray *keys, const Power *power, GError **error)
{
    g_autoptr(json_t) actions = json_object();
    PlanOptions options = {.forbid_restart = TRUE, .actions = actions};
    g_autoptr(Wanted) wanted = wanted_new();

    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i];
        const Object *stored = snapshot_get(engine->stored, key);
        g_autofree char *label = object_key_label(key);

        if (stored == NULL) {
            error_set(error, ERR_NOT_FOUND, "%s does not exist", label);
            return NULL;
        }
        json_object_set_new(actions, key, power_action(power));
        wanted_put(wanted, engine->stored, stored, NULL);
        if (!power->brief)
            remember_power(wanted->put->pdata[i], power->state);
    }
    return engine_plan_wanted(engine, g_steal_pointer(&wanted), NULL, &options, error);
}

Plan *engine_plan_delete(Engine *engine, const GPtrArray *keys, const PlanOptions *options,
                         GError **error)
{
    g_autoptr(GPtrArray) selected = g_ptr_array_new();

    for (guint i = 0; i < keys->len; i++) {
        const Object *object = snapshot_get(engine->stored, keys->pdata[i]);

        if (object == NULL || wanted_selected(options, object))
            g_ptr_array_add(selected, keys->pdata[i]);
    }
    return engine_plan_change(engine, NULL, selected, options, error);
}

Plan *engine_look_at(Engine *engine, const GPtrArray *keys, GError **error)
{
    g_autoptr(Snapshot) stored = store_ref_snapshot(engine->store);
    PlanOptions options = {.forbid_restart = TRUE};
    g_autoptr(Wanted) nothing = wanted_new();

    return planner_make(engine->host, stored, 0, nothing, keys, &options, error);
}

Plan *engine_plan_repair(Engine *engine, const GPtrArray *keys, GError **error)
{
    PlanOptions options = {.forbid_restart = TRUE};
    Plan *plan = engine_plan_wanted(engine, wanted_new(), keys, &options, error);

    for (guint i = 0; plan != NULL && i < plan->steps->len; i++) {
        const PlanStep *step = plan->steps->pdata[i];
        g_autofree char *label = object_key_label(step->object);

        if (step->row->data && step->step.from == NULL)
            planner_block(plan, ERR_REFUSED,
                          g_strdup_printf("%s: its data are gone, and are not made up", label));
    }
    return plan;
}

json_t *engine_observe(Engine *engine, const Object *object, json_t **ret_expected, GError **error)
{
    const Driver *driver = DRIVERS[object->id.kind];
    g_autoptr(Snapshot) stored = store_ref_snapshot(engine->store);
    g_autoptr(HostFacts) facts = host_facts_new(engine->host);
    const Context context = {stored, facts, engine->host->dir, engine->host->seed, NULL, FALSE};
    g_autoptr(json_t) observed = NULL;
    g_autoptr(json_t) expected = NULL;

    if (driver == NULL) {
        if (ret_expected != NULL)
            *ret_expected = json_object();
        return json_object();
    }
    observed = host_observe(engine->host, &context, object, error);
    if (observed == NULL)
        return NULL;
    expected = driver->expect(&context, object, observed, error);
    if (expected == NULL || !host_facts_hold(facts, error))
        return NULL;
    if (ret_expected != NULL)
        *ret_expected = facts_without_arguments(expected);
    return g_steal_pointer(&observed);
}
