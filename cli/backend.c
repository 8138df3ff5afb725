#include "backend_class.h"

#include "error.h"

void proposal_free(Proposal *proposal)
{
    if (proposal == NULL)
        return;
    json_decref(proposal->shown);
    json_decref(proposal->wish);
    plan_free(proposal->plan);
    g_free(proposal);
}

const char *proposal_hash(const Proposal *proposal)
{
    return json_string_at(proposal->shown, "plan/plan_hash");
}

void backend_free(Backend *backend)
{
    if (backend == NULL)
        return;
    g_clear_pointer(&backend->model, snapshot_unref);
    g_free(backend->place);
    backend->class->free(backend);
}

const char *backend_place(const Backend *backend)
{
    return backend->place;
}

gboolean backend_is_local(const Backend *backend)
{
    return backend->is_local;
}

const Snapshot *backend_model(Backend *backend, GError **error)
{
    if (backend->model == NULL)
        backend->model = backend->class->model(backend, error);
    return backend->model;
}

gboolean backend_watch(Backend *backend, GError **error)
{
    g_clear_pointer(&backend->model, snapshot_unref);
    return backend->class->watch(backend, error);
}

gboolean backend_wait(Backend *backend, guint tick, gboolean *ret_wanted, GError **error)
{
    g_clear_pointer(&backend->model, snapshot_unref);
    return backend->class->wait(backend, tick, ret_wanted, error);
}

json_t *backend_observe(Backend *backend, const GPtrArray *objects, GError **error)
{
    return objects->len > 0 ? backend->class->observe(backend, objects, error) : json_object();
}

Proposal *backend_plan(Backend *backend, json_t *wish, const Input *input, GError **error)
{
    g_autoptr(Proposal) proposal = g_new0(Proposal, 1);

    proposal->wish = wish;
    proposal->input = input;
    return backend->class->plan(backend, proposal, error) ? g_steal_pointer(&proposal) : NULL;
}

gboolean backend_apply(Backend *backend, const Proposal *proposal, gboolean exactly,
                       const ApplyOptions *options, ApplyResult *ret_result, int *ret_signal,
                       GError **error)
{
    return backend->class->apply(backend, proposal, exactly, options, ret_result, ret_signal,
                                 error);
}

json_t *backend_history(Backend *backend, GError **error)
{
    return backend->class->history(backend, error);
}

json_t *backend_generation(Backend *backend, gint64 number, GError **error)
{
    return backend->class->generation(backend, number, error);
}

json_t *backend_diff(Backend *backend, gint64 from, gint64 to, GError **error)
{
    return backend->class->diff(backend, from, to, error);
}

json_t *backend_origin(Backend *backend, const char *key, const char *path)
{
    return backend->class->origin != NULL ? backend->class->origin(backend, key, path) : NULL;
}

json_t *backend_conditions(Backend *backend, GError **error)
{
    return backend->class->conditions(backend, error);
}

json_t *backend_parked(Backend *backend, GError **error)
{
    return backend->class->parked(backend, error);
}

gboolean backend_purge(Backend *backend, const char *key, gboolean all, guint *ret_count,
                       GError **error)
{
    return backend->class->purge(backend, key, all, ret_count, error);
}

gboolean backend_confirm(Backend *backend, gint64 number, GError **error)
{
    return backend->class->confirm(backend, number, error);
}

gboolean backend_own(Backend *backend, const GPtrArray *keys, const char *owner, GError **error)
{
    return backend->class->own(backend, keys, owner, error);
}

json_t *backend_fingerprint(Backend *backend, GError **error)
{
    return backend->class->fingerprint(backend, error);
}

json_t *backend_source_state(Backend *backend, const char *name, GError **error)
{
    return backend->class->source_state(backend, name, error);
}

gboolean backend_source_add(Backend *backend, const char *name, const json_t *body, GError **error)
{
    return backend->class->source_add(backend, name, body, error);
}

gboolean backend_source_suspend(Backend *backend, const char *name, gboolean suspend,
                                GError **error)
{
    return backend->class->source_suspend(backend, name, suspend, error);
}

gboolean backend_source_remove(Backend *backend, const char *name, GError **error)
{
    return backend->class->source_remove(backend, name, error);
}

gboolean backend_source_sync(Backend *backend, const char *name, gboolean again, json_t **ret_round,
                             int *ret_signal, GError **error)
{
    *ret_signal = 0;
    return backend->class->source_sync(backend, name, again, ret_round, ret_signal, error);
}

json_t *backend_holds(Backend *backend, GError **error)
{
    return backend->class->holds(backend, error);
}

gboolean backend_hold(Backend *backend, const char *key, const char *path, gint64 seconds,
                      const char *reason, GError **error)
{
    return backend->class->hold(backend, key, path, seconds, reason, error);
}

gboolean backend_unhold(Backend *backend, const char *key, const char *path, GError **error)
{
    return backend->class->unhold(backend, key, path, error);
}

char *backend_token(Backend *backend, const char *name, GError **error)
{
    if (backend->class->token != NULL)
        return backend->class->token(backend, name, error);
    error_set(error, ERR_UNAVAILABLE, "a token lives in the daemon, and none listens here");
    return NULL;
}

gboolean backend_exec(Backend *backend, const Object *object, const Program *program,
                      int *ret_status, GError **error)
{
    return backend->class->exec(backend, object, program, ret_status, error);
}
