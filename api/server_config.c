#include "server_config.h"

#include <string.h>

#include "dry_run.h"
#include "edit.h"
#include "error.h"
#include "password.h"
#include "wire.h"

#define PASSWORD "core.trust_password"

static const Row *row_of(const char *key)
{
    return row_find(KINDS[KIND_SERVER]->config, key);
}

json_t *server_config_shown(const Object *server)
{
    g_autoptr(json_t) config = wire_config(server);
    json_t *shown = json_object();
    const char *key;
    json_t *value;

    json_object_foreach (config, key, value) {
        const Row *row = row_of(key);

        if (row != NULL && (row->flags & ROW_SECRET) != 0)
            json_object_set_new(shown, key, json_true());
        else if (row == NULL || g_strcmp0(row->fallback, json_string_value(value)) != 0)
            json_object_set(shown, key, value);
    }
    return shown;
}

/* One value as it is to be stored; "" unsets. NULL with an error. `true` for a secret keeps it. */
static json_t *value_of(const Call *call, const Object *server, const char *key, json_t *given,
                        GError **error)
{
    const Row *row = row_of(key);
    gboolean secret = row != NULL && (row->flags & ROW_SECRET) != 0;
    const char *stored = object_config(server, key);
    g_autofree char *hash = NULL;

    if (json_is_null(given) || (json_is_string(given) && json_string_length(given) == 0))
        return json_string("");
    if (secret && json_is_true(given))
        return json_string(stored != NULL ? stored : "");
    if (!json_is_string(given)) {
        error_set(error, ERR_INVALID, "config/%s: the value has to be a text", key);
        return NULL;
    }
    if (strcmp(key, PASSWORD) != 0)
        return json_incref(given);
    /* The same password again is no change. */
    if (stored != NULL && password_matches_stored(engine_host(call->daemon->engine)->dir, stored,
                                                  json_string_value(given)))
        return json_string(stored);
    hash = password_hash(json_string_value(given));
    return json_string(hash);
}

/* The body with values as they are to be stored; NULL with an error. */
static json_t *edited_body(const Call *call, const json_t *body, const Object *server,
                           gboolean merge, GError **error)
{
    const json_t *given = json_object_get(body, "config");
    g_autoptr(json_t) config = json_object();
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)body, key, value) {
        if (strcmp(key, "config") == 0 && (json_is_object(value) || json_is_null(value)))
            continue;
        if (strcmp(key, "config") == 0 || merge) {
            error_set(error, ERR_INVALID, "%s: the body is {\"config\": {KEY: VALUE}}", key);
            return NULL;
        }
    }
    json_object_foreach ((json_t *)given, key, value) {
        json_t *stored = value_of(call, server, key, value, error);

        if (stored == NULL)
            return NULL;
        if (merge || json_string_length(stored) > 0)
            json_object_set_new(config, key, stored);
        else
            json_decref(stored);
    }
    return json_pack("{s:O}", "config", config);
}

/* Where `config` says; where it does not, as `stored` (may be NULL) does. */
static gboolean listen_as(Call *call, const json_t *config, const Object *stored, GError **error)
{
    for (guint i = 0; i < LISTEN_MAX; i++) {
        const char *key = listeners_key(i);
        const char *address = json_member_string(config, key);

        if (address == NULL && stored != NULL)
            address = object_config(stored, key);
        if (!listeners_set(call->daemon->listeners, i, address, error)) {
            g_prefix_error(error, "config/%s: ", key);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean server_config_write(Call *call, gboolean merge, GError **error)
{
    static GMutex mutex; /* from where it listens to what is stored of it */
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);
    g_autoptr(json_t) sent = call_body(call, error);
    g_autoptr(Snapshot) model = engine_ref_stored(call->daemon->engine);
    g_autoptr(Object) server = wire_server(model);
    g_autoptr(json_t) body = sent != NULL ? edited_body(call, sent, server, merge, error) : NULL;
    json_t *config = json_object_get(body, "config");

    if (body == NULL)
        return FALSE;
    if (!call_is_dry_run(call) && !listen_as(call, config, merge ? server : NULL, error)) {
        daemon_follow_model(call->daemon);
        return FALSE;
    }
    if (edit_run(call, merge ? EDIT_MERGE : EDIT_REPLACE, KIND_SERVER, "", body, error))
        return TRUE;
    daemon_follow_model(call->daemon);
    return FALSE;
}
