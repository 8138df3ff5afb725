#include "backend_daemon.h"

#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "image_lock.h"
#include "store.h"
#include "wish.h"

#define QUIET_MS 50 /* an apply tells of many things at once */

static void remote_free(Backend *backend)
{
    Remote *remote = (Remote *)backend;

    websocket_free(remote->watch);
    client_free(remote->client);
    g_free(remote);
}

/* A server that does not know a path of berth's own is LXD, or an older berth. */
json_t *daemon_get(Remote *remote, const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    json_t *found = client_get(remote->client, path, &local);

    if (found == NULL && g_error_matches(local, BERTH_ERROR, ERR_NOT_FOUND) &&
        strcmp(local->message, "not found") == 0)
        error_set(error, ERR_UNAVAILABLE,
                  "%s has not the API extension \"berth\": is it a berthd of this version?",
                  client_url(remote->client));
    else if (found == NULL)
        g_propagate_error(error, g_steal_pointer(&local));
    return found;
}

json_t *daemon_ask(Remote *remote, const char *method, const char *path, const json_t *body,
                   GError **error)
{
    g_autoptr(json_t) envelope = client_ask(remote->client, method, path, body, error);
    json_t *metadata = json_object_get(envelope, "metadata");

    if (envelope == NULL)
        return NULL;
    return metadata != NULL ? json_incref(metadata) : json_null();
}

static json_t *get(Backend *backend, const char *path, GError **error)
{
    return daemon_get((Remote *)backend, path, error);
}

static json_t *post(Backend *backend, const char *path, const json_t *body, GError **error)
{
    return daemon_ask((Remote *)backend, "POST", path, body, error);
}

static Snapshot *remote_model(Backend *backend, GError **error)
{
    g_autoptr(json_t) list = get(backend, "/1.0/model", error);
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(Snapshot) empty = snapshot_new();
    const json_t *value;
    size_t i;

    if (list == NULL)
        return NULL;
    json_array_foreach (list, i, value) {
        const char *key = json_member_string(value, "key");
        Object *object = key != NULL ? store_object_from_json(key, value) : NULL;

        if (object != NULL) /* a kind that only a later berth knows is not ours to show */
            g_ptr_array_add(objects, object);
    }
    return snapshot_change(empty, objects, NULL);
}

/* ---- changes, as they happen ---- */

static void on_event(WebSocket *socket, gboolean is_text, const void *bytes, gsize size, void *data)
{
    ((Remote *)data)->changed = TRUE;
}

static void on_lost(WebSocket *socket, guint code, const char *reason, void *data)
{
    ((Remote *)data)->lost = TRUE;
}

static gboolean remote_watch(Backend *backend, GError **error)
{
    static const WebSocketHandlers handlers = {.message = on_event, .closed = on_lost};
    Remote *remote = (Remote *)backend;
    Stream *stream = client_websocket(
        remote->client, "/1.0/events?type=lifecycle,operation&all-projects=true", error);

    if (stream == NULL)
        return FALSE;
    remote->watch = websocket_new(stream, TRUE, NULL, NULL, &handlers, remote);
    return TRUE;
}

typedef struct {
    gboolean over, unread;
} Waiting;

static gboolean on_time(gpointer data)
{
    ((Waiting *)data)->over = TRUE;
    return G_SOURCE_CONTINUE;
}

static gboolean on_output_gone(gint fd, GIOCondition condition, gpointer data)
{
    ((Waiting *)data)->unread = TRUE;
    return G_SOURCE_CONTINUE;
}

static void run_until(Remote *remote, guint milliseconds, Waiting *waiting, gboolean *changed)
{
    guint timer = g_timeout_add(milliseconds, on_time, waiting);

    waiting->over = FALSE;
    while (!waiting->over && !waiting->unread && !remote->lost && (changed == NULL || !*changed))
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(timer);
}

static gboolean remote_wait(Backend *backend, guint tick, gboolean *ret_wanted, GError **error)
{
    Remote *remote = (Remote *)backend;
    Waiting waiting = {0};
    guint output = g_unix_fd_add(STDOUT_FILENO, G_IO_ERR, on_output_gone, &waiting);

    run_until(remote, tick * 1000, &waiting, &remote->changed);
    if (remote->changed)
        run_until(remote, QUIET_MS, &waiting, NULL);
    g_source_remove(output);
    remote->changed = FALSE;
    *ret_wanted = !waiting.unread;
    return !remote->lost ||
           error_set(error, ERR_UNAVAILABLE, "%s closed the connection", backend->place);
}

static json_t *remote_observe(Backend *backend, const GPtrArray *objects, GError **error)
{
    json_t *keys = json_array();
    g_autoptr(json_t) body = json_pack("{s:o}", "keys", keys);

    for (guint i = 0; i < objects->len; i++)
        json_array_append_new(keys, json_string(((const Object *)objects->pdata[i])->key));
    return post(backend, "/1.0/observe", body, error);
}

/* ---- plans ---- */

/* What was read of state files, and what images.lock beside them says (EN-09). */
static void set_objects(json_t *wish, const Input *input)
{
    g_autofree char *lock = image_lock_print(input->locks);

    json_object_set_new(wish, "objects", wish_objects(input));
    json_object_set_new(wish, "lock", json_string(lock));
}

json_t *daemon_wish(Remote *remote, const Proposal *proposal, GError **error)
{
    json_t *wish;

    if (proposal->input != NULL && !daemon_images_name(remote, proposal->input, error))
        return NULL;
    wish = json_copy(proposal->wish);
    if (proposal->input != NULL)
        set_objects(wish, proposal->input);
    return wish;
}

static gboolean remote_plan(Backend *backend, Proposal *proposal, GError **error)
{
    g_autoptr(json_t) wish = daemon_wish((Remote *)backend, proposal, error);

    proposal->shown = wish != NULL ? post(backend, "/1.0/plan", wish, error) : NULL;
    return proposal->shown != NULL;
}

/* ---- the rest ---- */

static json_t *remote_history(Backend *backend, GError **error)
{
    return get(backend, "/1.0/generations?recursion=1", error);
}

static json_t *remote_generation(Backend *backend, gint64 number, GError **error)
{
    g_autofree char *path = g_strdup_printf("/1.0/generations/%" G_GINT64_FORMAT, number);

    return get(backend, path, error);
}

static json_t *remote_diff(Backend *backend, gint64 from, gint64 to, GError **error)
{
    g_autofree char *path =
        g_strdup_printf("/1.0/generations/%" G_GINT64_FORMAT "/diff/%" G_GINT64_FORMAT, from, to);

    return get(backend, path, error);
}

static json_t *remote_origin(Backend *backend, const char *key, const char *path)
{
    g_autoptr(json_t) body = json_pack("{s:s, s:s}", "key", key, "path", path);
    g_autoptr(json_t) found = post(backend, "/1.0/origin", body, NULL);

    return json_is_object(found) ? json_incref(found) : NULL;
}

static json_t *remote_conditions(Backend *backend, GError **error)
{
    return get(backend, "/1.0/conditions", error);
}

static json_t *remote_parked(Backend *backend, GError **error)
{
    return get(backend, "/1.0/parked", error);
}

static gboolean remote_purge(Backend *backend, const char *key, gboolean all, guint *ret_count,
                             GError **error)
{
    g_autoptr(json_t) body = json_pack("{s:s*, s:b}", "key", key, "all", all);
    g_autoptr(json_t) answer = post(backend, "/1.0/purge", body, error);

    *ret_count = (guint)json_integer_value(json_object_get(answer, "count"));
    return answer != NULL;
}

static gboolean remote_own(Backend *backend, const GPtrArray *keys, const char *owner,
                           GError **error)
{
    json_t *list = json_array();
    g_autoptr(json_t) body = json_pack("{s:o, s:s}", "keys", list, "owner", owner);
    g_autoptr(json_t) answer = NULL;

    for (guint i = 0; i < keys->len; i++)
        json_array_append_new(list, json_string(keys->pdata[i]));
    answer = post(backend, "/1.0/own", body, error);
    return answer != NULL;
}

static gboolean remote_confirm(Backend *backend, gint64 number, GError **error)
{
    g_autofree char *path =
        g_strdup_printf("/1.0/generations/%" G_GINT64_FORMAT "/confirm", number);
    g_autoptr(json_t) answer = post(backend, path, NULL, error);

    return answer != NULL;
}

static json_t *remote_fingerprint(Backend *backend, GError **error)
{
    return get(backend, "/1.0/fingerprint", error);
}

static char *remote_token(Backend *backend, const char *name, GError **error)
{
    g_autoptr(json_t) body =
        json_pack("{s:s, s:s, s:b}", "type", "client", "name", name, "token", TRUE);
    g_autoptr(json_t) operation = post(backend, "/1.0/certificates", body, error);
    g_autoptr(json_t) token = NULL;
    g_autofree char *text = NULL;

    if (operation == NULL)
        return NULL;
    token = json_pack("{s:s, s:O*, s:O*, s:O*}", "client_name", name, "fingerprint",
                      json_at(operation, "metadata/fingerprint"), "addresses",
                      json_at(operation, "metadata/addresses"), "secret",
                      json_at(operation, "metadata/secret"));
    text = json_text(token);
    return g_base64_encode((const guchar *)text, strlen(text));
}

static const BackendClass CLASS = {
    .free = remote_free,
    .model = remote_model,
    .watch = remote_watch,
    .wait = remote_wait,
    .observe = remote_observe,
    .plan = remote_plan,
    .apply = daemon_apply,
    .history = remote_history,
    .generation = remote_generation,
    .diff = remote_diff,
    .origin = remote_origin,
    .conditions = remote_conditions,
    .parked = remote_parked,
    .purge = remote_purge,
    .own = remote_own,
    .confirm = remote_confirm,
    .fingerprint = remote_fingerprint,
    .token = remote_token,
    .source_state = daemon_source_state,
    .source_add = daemon_source_add,
    .source_suspend = daemon_source_suspend,
    .source_remove = daemon_source_remove,
    .source_sync = daemon_source_sync,
    .holds = daemon_holds,
    .hold = daemon_hold,
    .unhold = daemon_unhold,
    .exec = daemon_exec,
};

Backend *backend_daemon(Client *client, gboolean is_local)
{
    Remote *remote = g_new0(Remote, 1);

    remote->base.class = &CLASS;
    remote->base.place = g_strdup(client_url(client));
    remote->base.is_local = is_local;
    remote->sends_paths = is_local && geteuid() == 0;
    remote->client = client;
    return &remote->base;
}
