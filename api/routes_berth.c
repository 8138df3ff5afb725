/* What berth has and LXD has not (API extension "berth"): the model, plans, histories and parked
 * data, so that the command can do over the API what it does in-process (EN-36, EN-46). */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "dry_run.h"
#include "error.h"
#include "fingerprint.h"
#include "look.h"
#include "mask.h"
#include "store.h"

static gboolean answer(Call *call, json_t *found)
{
    if (found == NULL)
        return FALSE;
    answer_sync(call->request, 200, found, NULL);
    return TRUE;
}

/* ---- the model, and how its objects are ---- */

/* [{"key", "spec", "generated", "owner"}], secrets masked (EN-05). */
static gboolean model(Call *call, GError **error)
{
    json_t *objects = json_array();

    for (guint i = 0; i < snapshot_size(call->model); i++) {
        const Object *object = snapshot_at(call->model, i);
        g_autoptr(json_t) shared = store_object_to_json(object);
        json_t *value = json_deep_copy(shared);

        json_object_set_new(value, "key", json_string(object->key));
        mask_stored(object->key, value);
        json_array_append_new(objects, value);
    }
    answer_sync(call->request, 200, objects, NULL);
    return TRUE;
}

/* Keys of a list in the body; what is no text is refused. Of char *, borrowed from `body`. */
static GPtrArray *keys_of(const json_t *body, GError **error)
{
    const json_t *list = json_object_get(body, "keys");
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    const json_t *key;
    size_t i;

    if (!json_is_array(list)) {
        error_set(error, ERR_INVALID, "\"keys\" is missing: a list of KIND/PROJECT//NAME");
        return NULL;
    }
    json_array_foreach (list, i, key) {
        if (!json_is_string(key)) {
            error_set(error, ERR_INVALID, "keys[%zu] is no text", i);
            return NULL;
        }
        g_ptr_array_add(keys, (gpointer)json_string_value(key));
    }
    return g_steal_pointer(&keys);
}

/* Those that went meanwhile are left out. */
static gboolean observe(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    g_autoptr(GPtrArray) keys = body != NULL ? keys_of(body, error) : NULL;
    g_autoptr(GPtrArray) objects = g_ptr_array_new();

    if (keys == NULL)
        return FALSE;
    for (guint i = 0; i < keys->len; i++) {
        const Object *object = snapshot_get(call->model, keys->pdata[i]);

        if (object != NULL)
            g_ptr_array_add(objects, (gpointer)object);
    }
    return answer(call, look_at_objects(call->daemon->engine, objects));
}

static gboolean conditions(Call *call, GError **error)
{
    return answer(call, engine_conditions(call->daemon->engine, NULL, error));
}

static gboolean run_fingerprint(Engine *engine, void *data, GError **error)
{
    json_t **found = data;

    *found = fingerprint_make(engine, error);
    return *found != NULL;
}

/* What is on this host, by name (EN-51); what somebody is about to purge is no leak. */
static gboolean fingerprint(Call *call, GError **error)
{
    json_t *found = NULL;

    return engine_alone(call->daemon->engine, run_fingerprint, &found, error) &&
           answer(call, found);
}

/* Where a field was written (EN-25): {"key", "path"}; null when that is not known. */
static gboolean origin(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    const char *key = json_member_string(body, "key"), *path = json_member_string(body, "path");
    json_t *found;

    if (body == NULL)
        return FALSE;
    if (key == NULL || path == NULL)
        return error_set(error, ERR_INVALID, "\"key\" and \"path\" are missing");
    found = engine_origin(call->daemon->engine, key, path);
    return answer(call, found != NULL ? found : json_null());
}

/* ---- history ---- */

static gboolean generations(Call *call, GError **error)
{
    g_autoptr(json_t) history = engine_history(call->daemon->engine, error);
    json_t *urls;
    size_t i;
    json_t *generation;

    if (history == NULL || call->recursion > 0)
        return answer(call, g_steal_pointer(&history));
    urls = json_array();
    json_array_foreach (history, i, generation)
        json_array_append_new(
            urls, json_sprintf("/1.0/generations/%" JSON_INTEGER_FORMAT,
                               json_integer_value(json_object_get(generation, "generation"))));
    return answer(call, urls);
}

static gboolean read_number(const char *text, gint64 *ret, GError **error)
{
    return g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, ret, NULL) ||
           error_set(error, ERR_NOT_FOUND, "\"%s\" is not the number of a generation", text);
}

static gboolean generation(Call *call, GError **error)
{
    gint64 number;
    json_t *found;

    if (!read_number(call->words[0], &number, error))
        return FALSE;
    found = engine_generation(call->daemon->engine, number, error);
    if (found != NULL)
        mask_generation(found);
    return answer(call, found);
}

static gboolean difference(Call *call, GError **error)
{
    gint64 from, to;

    return read_number(call->words[0], &from, error) && read_number(call->words[1], &to, error) &&
           answer(call, engine_diff(call->daemon->engine, from, to, error));
}

/* ---- confirmations (EN-33) ---- */

static gboolean unconfirmed(Call *call, GError **error)
{
    return answer(call, engine_unconfirmed(call->daemon->engine, error));
}

static gboolean run_confirm(Engine *engine, void *data, GError **error)
{
    return engine_confirm(engine, *(const gint64 *)data, error);
}

static Plan *plan_confirm(Engine *engine, void *data, GError **error)
{
    return engine_plan_confirm(engine, *(const gint64 *)data, error);
}

static gboolean confirm(Call *call, GError **error)
{
    gint64 number;

    if (!read_number(call->words[0], &number, error))
        return FALSE;
    if (call_is_dry_run(call))
        return call_transact(call, plan_confirm, &number, error);
    if (!engine_alone(call->daemon->engine, run_confirm, &number, error))
        return FALSE;
    daemon_follow_model(call->daemon);
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

/* ---- parked data (EN-31) ---- */

static gboolean parked(Call *call, GError **error)
{
    json_t *found = engine_parked(call->daemon->engine, error);

    mask_parked(found);
    return answer(call, found);
}

typedef struct {
    const char *key;
    gboolean all;
    guint count;
} Purge;

static gboolean run_purge(Engine *engine, void *data, GError **error)
{
    Purge *wish = data;

    return engine_purge(engine, wish->key, wish->all, &wish->count, error);
}

static Plan *plan_purge(Engine *engine, void *data, GError **error)
{
    const Purge *wish = data;

    return engine_plan_purge(engine, wish->key, wish->all, error);
}

/* {"key": of one object, or "all": true}; neither: what is past its time. */
static gboolean purge(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    Purge wish = {json_member_string(body, "key"), json_is_true(json_object_get(body, "all")), 0};

    if (body == NULL)
        return FALSE;
    if (call_is_dry_run(call))
        return call_transact(call, plan_purge, &wish, error);
    if (!engine_alone(call->daemon->engine, run_purge, &wish, error))
        return FALSE;
    return answer(call, json_pack("{s:i}", "count", (int)wish.count));
}

/* ---- ownership (EN-50) ---- */

typedef struct {
    const GPtrArray *keys;
    const char *owner;
} Own;

static gboolean run_own(Engine *engine, void *data, GError **error)
{
    const Own *wish = data;

    return engine_own(engine, wish->keys, wish->owner, error);
}

static Plan *plan_own(Engine *engine, void *data, GError **error)
{
    const Own *wish = data;

    return engine_plan_own(engine, wish->keys, wish->owner, error);
}

/* {"keys", "owner": "file:NAME", or "api" to give them up} */
static gboolean own(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    g_autoptr(GPtrArray) keys = body != NULL ? keys_of(body, error) : NULL;
    Own wish = {keys, json_member_string(body, "owner")};

    if (keys == NULL)
        return FALSE;
    if (wish.owner == NULL || *wish.owner == '\0')
        return error_set(error, ERR_INVALID, "\"owner\" is missing: file:NAME, or api");
    if (call_is_dry_run(call))
        return call_transact(call, plan_own, &wish, error);
    if (!engine_alone(call->daemon->engine, run_own, &wish, error))
        return FALSE;
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

const Route ROUTES_BERTH[] = {
    {"GET", "model", ACCESS_ADMIN, 0, model},
    {"POST", "observe", ACCESS_ADMIN, ROUTE_LARGE | ROUTE_DRY, observe},
    {"POST", "origin", ACCESS_ADMIN, ROUTE_DRY, origin},
    {"GET", "conditions", ACCESS_ADMIN, 0, conditions},
    {"GET", "fingerprint", ACCESS_ADMIN, 0, fingerprint},
    {"GET", "generations", ACCESS_ADMIN, 0, generations},
    {"GET", "generations/*", ACCESS_ADMIN, 0, generation},
    {"GET", "generations/*/diff/*", ACCESS_ADMIN, 0, difference},
    {"POST", "generations/*/confirm", ACCESS_ADMIN, ROUTE_DRY, confirm},
    {"GET", "unconfirmed", ACCESS_ADMIN, 0, unconfirmed},
    {"GET", "parked", ACCESS_ADMIN, 0, parked},
    {"POST", "purge", ACCESS_ADMIN, ROUTE_DRY, purge},
    {"POST", "own", ACCESS_ADMIN, ROUTE_LARGE | ROUTE_DRY, own},
    {0},
};
