/* What sources have beyond a collection of objects: their state, a round now, and a webhook
 * (EN-42). */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "dry_run.h"
#include "error.h"
#include "file.h"
#include "lifecycle.h"
#include "secret.h"
#include "source_control.h"
#include "source_git.h"
#include "source_sync.h"

#define SECRET_MAX 4096

static gboolean state(Call *call, GError **error)
{
    const Object *source = call_object(call, KIND_SOURCE, call->words[0], error);
    json_t *found =
        source != NULL ? source_state(call->daemon->engine, source->id.name, error) : NULL;

    if (found == NULL)
        return FALSE;
    answer_sync(call->request, 200, found, NULL);
    return TRUE;
}

/* ---- a round ---- */

typedef struct {
    Daemon *daemon;
    char *name;
    gboolean again;
    const Caller *caller;
} Wish;

static void wish_free(gpointer data)
{
    Wish *wish = data;

    g_free(wish->name);
    g_free(wish);
}

static void tell(void *data, const Plan *plan)
{
    const Wish *wish = data;

    lifecycle_of_plan(wish->daemon->events, plan, wish->caller);
}

/* As metadata it has what came of it (sync_result_json), and of a failure its code. */
static gboolean run_sync(Operation *operation, void *data, GError **error)
{
    Wish *wish = data;
    SyncOptions options = {.cancel = operation_cancel_flag(operation),
                           .again = wish->again,
                           .committed = tell,
                           .committed_data = wish};
    g_auto(SyncResult) result = {0};
    g_autoptr(GError) failure = NULL;
    json_t *outcome;

    wish->caller = operation_caller(operation);
    if (source_sync(wish->daemon->engine, wish->name, &options, &result, &failure))
        daemon_follow_model(wish->daemon);
    outcome = sync_result_json(&result);
    if (failure != NULL)
        json_object_set_new(outcome, "code", json_string(error_word(failure)));
    operation_set_metadata(operation, outcome);
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean sync_now(Call *call, GError **error)
{
    const Object *source = call_object(call, KIND_SOURCE, call->words[0], error);
    g_autoptr(json_t) body = source != NULL ? call_body(call, error) : NULL;
    SyncOptions ahead = {.again = json_is_true(json_object_get(body, "force"))};
    Operation *operation;
    Wish *wish;

    if (body == NULL)
        return FALSE;
    if (call_is_dry_run(call))
        return dry_run_answer(call,
                              source_plan(call->daemon->engine, source->id.name, &ahead, error));
    wish = g_new0(Wish, 1);
    wish->daemon = call->daemon;
    wish->name = g_strdup(source->id.name);
    wish->again = ahead.again;
    operation = call_operation(call, OPERATION_TASK, "Synchronizing source");
    operation_may_cancel(operation, NULL, NULL);
    call_start(call, operation, run_sync, wish, wish_free);
    return TRUE;
}

/* ---- the webhook ---- */

/* GitHub and those like it sign the body, GitLab sends the secret itself. */
static gboolean is_signed(const Request *request, const char *secret)
{
    GBytes *bytes = request_body(request);
    gsize size;
    const guchar *body = g_bytes_get_data(bytes, &size);
    g_autofree char *digest =
        g_compute_hmac_for_data(G_CHECKSUM_SHA256, (const guchar *)secret, strlen(secret),
                                body != NULL ? body : (const guchar *)"", size);
    g_autofree char *prefixed = g_strconcat("sha256=", digest, NULL);

    return secret_equal(request_header(request, "X-Hub-Signature-256"), prefixed) ||
           secret_equal(request_header(request, "X-Gitea-Signature"), digest) ||
           secret_equal(request_header(request, "X-Gitlab-Token"), secret);
}

static char *read_secret(const Object *source, GError **error)
{
    const char *text = source_text(source, "webhook_secret_file");
    g_autofree char *path = text != NULL ? source_secret_path(text, error) : NULL;
    g_autofree char *secret = NULL;
    gsize length;

    if (path == NULL || !file_read(path, SECRET_MAX, &secret, &length, error))
        return NULL;
    g_strchomp(secret);
    return *secret != '\0' ? g_steal_pointer(&secret) : NULL;
}

static gboolean refuse(const Call *call, const char *who, gint64 now, GError **error)
{
    if (throttle_failed(call->daemon->guesses, who, now))
        g_warning("webhook of source %.64s: wrong signatures from %s; it is not listened to for "
                  "a while",
                  call->words[0], call->caller->address);
    return error_set(error, ERR_PERMISSION, "not authorized");
}

/* Open to strangers: who has the secret may have a source looked at, no more. Nobody learns which
 * sources there are. Who guesses is not listened to after some tries; others are. */
static gboolean webhook(Call *call, GError **error)
{
    gint64 now = g_get_monotonic_time();
    g_autofree char *who = throttle_key(call->words[0], call->caller->address);
    const Object *source = snapshot_find(call->model, KIND_SOURCE, "", call->words[0]);
    g_autoptr(GError) local = NULL;
    g_autofree char *secret = NULL;

    if (!throttle_may(call->daemon->guesses, who, now))
        return error_set(error, ERR_TOO_OFTEN, "too many wrong signatures: try again in a minute");
    secret = source != NULL ? read_secret(source, &local) : NULL;
    if (local != NULL)
        g_warning("webhook of source %s: %s", call->words[0], local->message);
    if (secret == NULL || !is_signed(call->request, secret))
        return refuse(call, who, now, error);
    if (call_is_dry_run(call))
        return dry_run_would(call, error, "source %s would be looked at", source->id.name);
    source_control_look(call->daemon->sources, source->id.name);
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

const Route ROUTES_SOURCES[] = {
    {"GET", "sources/*/state", ACCESS_ADMIN, 0, state},
    {"POST", "sources/*/sync", ACCESS_ADMIN, ROUTE_DRY, sync_now},
    {"POST", "sources/*/webhook", ACCESS_OPEN, ROUTE_DRY, webhook},
    {0},
};
