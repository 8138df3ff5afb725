/* The server itself (API-101..104). */
#include "answer.h"
#include "call.h"
#include "environment.h"
#include "error.h"
#include "extensions.h"
#include "server_config.h"
#include "wire.h"

static gboolean versions(Call *call, GError **error)
{
    answer_sync(call->request, 200, json_pack("[s]", "/1.0"), NULL);
    return TRUE;
}

static gboolean show(Call *call, GError **error)
{
    g_autoptr(Object) server = wire_server(call->model);
    json_t *all = json_pack("{s:o, s:s, s:s, s:s, s:b, s:[s]}", "api_extensions", extensions_list(),
                            "api_status", "stable", "api_version", "1.0", "auth",
                            call->caller->trusted ? "trusted" : "untrusted", "public", FALSE,
                            "auth_methods", "tls");
    g_autofree char *etag = NULL;
    json_t *about;

    if (!call->caller->trusted) {
        answer_sync(call->request, 200, all, NULL);
        return TRUE;
    }
    about = environment_shown(call, error);
    if (about == NULL) {
        json_decref(all);
        return FALSE;
    }
    json_object_set_new(all, "environment", about);
    /* AUTH-49 */
    json_object_set_new(all, "config",
                        call->caller->admin ? server_config_shown(server) : json_object());
    etag = wire_etag(server);
    answer_sync(call->request, 200, all, etag);
    return TRUE;
}

static gboolean write_config(Call *call, gboolean merge, GError **error)
{
    if (!server_config_write(call, merge, error))
        return FALSE;
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

static gboolean replace(Call *call, GError **error)
{
    return write_config(call, FALSE, error);
}

static gboolean merge(Call *call, GError **error)
{
    return write_config(call, TRUE, error);
}

/* Answers once the API works and instances are started (OPS-93). */
static gboolean ready(Call *call, GError **error)
{
    if (g_atomic_int_get(&call->daemon->phase) == DAEMON_STARTING)
        return error_set(error, ERR_UNAVAILABLE, "berthd is not ready yet");
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

const Route ROUTES_SERVER[] = {
    {"GET", "", ACCESS_OPEN, ROUTE_QUICK, versions},
    {"GET", "1.0", ACCESS_OPEN, 0, show},
    {"PUT", "1.0", ACCESS_ADMIN, ROUTE_DRY, replace},
    {"PATCH", "1.0", ACCESS_ADMIN, ROUTE_DRY, merge},
    {"GET", "internal/ready", ACCESS_ADMIN, ROUTE_QUICK, ready},
    {0},
};
