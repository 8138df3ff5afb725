/* Sources and holds by the engine in this process. */
#include "backend_engine.h"
#include "error.h"
#include "source_sync.h"

json_t *in_process_source_state(Backend *backend, const char *name, GError **error)
{
    return source_state(engine_of(backend), name, error);
}

/* ---- what changes the model ---- */

static gboolean carry_out(Engine *engine, Plan *plan, GError **error)
{
    g_autoptr(Plan) owned = plan;
    ApplyOptions options = {.cause = "cli source"};
    g_auto(ApplyResult) result = {0};

    return plan != NULL && engine_apply(engine, plan, &options, &result, error);
}

gboolean in_process_source_add(Backend *backend, const char *name, const json_t *body,
                               GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Object) source =
        document_object_from_json(KINDS[KIND_SOURCE], NULL, name, body, problems);
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    PlanOptions options = {0};

    if (!problems_to_error(problems, TRUE, error))
        return FALSE;
    g_ptr_array_add(objects, source);
    return carry_out(engine_of(backend),
                     engine_plan_change(engine_of(backend), objects, NULL, &options, error), error);
}

gboolean in_process_source_suspend(Backend *backend, const char *name, gboolean suspend,
                                   GError **error)
{
    const Object *source = snapshot_find(engine_stored(engine_of(backend)), KIND_SOURCE, "", name);
    g_autoptr(json_t) body = json_deep_copy(source->spec);

    json_object_set_new(body, "name", json_string(name));
    json_object_set_new(body, "suspend", json_boolean(suspend));
    return in_process_source_add(backend, name, body, error);
}

gboolean in_process_source_remove(Backend *backend, const char *name, GError **error)
{
    Engine *engine = engine_of(backend);
    g_autofree char *key = object_key(KIND_SOURCE, "", "", name);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    PlanOptions options = {0};

    g_ptr_array_add(keys, key);
    if (!carry_out(engine, engine_plan_delete(engine, keys, &options, error), error))
        return FALSE;
    source_sweep(engine);
    return TRUE;
}

gboolean in_process_source_sync(Backend *backend, const char *name, gboolean again,
                                json_t **ret_round, int *ret_signal, GError **error)
{
    SyncOptions options = {.cancel = engine_signals_begin(), .again = again};
    g_auto(SyncResult) result = {0};
    gboolean done = source_sync(engine_of(backend), name, &options, &result, error);

    *ret_signal = engine_signals_end();
    *ret_round = sync_result_json(&result);
    return done;
}

/* ---- holds ---- */

json_t *in_process_holds(Backend *backend, GError **error)
{
    return engine_holds(engine_of(backend), error);
}

gboolean in_process_hold(Backend *backend, const char *key, const char *path, gint64 seconds,
                         const char *reason, GError **error)
{
    return engine_hold(engine_of(backend), key, path, seconds, reason, g_get_user_name(), error);
}

gboolean in_process_unhold(Backend *backend, const char *key, const char *path, GError **error)
{
    return engine_unhold(engine_of(backend), key, path, error);
}
