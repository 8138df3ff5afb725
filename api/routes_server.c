/* The server itself (API-101..104). */
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "answer.h"
#include "call.h"
#include "error.h"
#include "extensions.h"
#include "server_config.h"
#include "wire.h"

static gboolean versions(Call *call, GError **error)
{
    answer_sync(call->request, 200, json_pack("[s]", "/1.0"), NULL);
    return TRUE;
}

/* /etc/os-release: NAME and VERSION_ID. */
static json_t *os_release(const char *name)
{
    g_autofree char *text = g_get_os_info(name);

    return json_string(text != NULL ? text : "");
}

static json_t *storage_drivers(const json_t *host)
{
    const json_t *drivers = json_object_get(host, "storage_drivers");
    json_t *list = json_array();
    size_t i;
    json_t *name;

    json_array_foreach (drivers, i, name)
        json_array_append_new(
            list, json_pack("{s:O, s:s, s:b}", "Name", name, "Version", "1", "Remote", FALSE));
    return list;
}

static json_t *used_storage(const Snapshot *model)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *text = NULL;

    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *object = snapshot_at(model, i);
        const char *driver =
            object->id.kind == KIND_POOL ? json_member_string(object->spec, "driver") : NULL;

        if (driver != NULL && !g_ptr_array_find_with_equal_func(names, driver, g_str_equal, NULL))
            g_ptr_array_add(names, (gpointer)driver);
    }
    g_ptr_array_add(names, NULL);
    text = g_strjoinv(" | ", (char **)names->pdata);
    return json_string(text);
}

/* API-637. */
static json_t *environment(Call *call, GError **error)
{
    Daemon *daemon = call->daemon;
    g_autoptr(json_t) host = host_facts(daemon->host, error);
    struct utsname kernel;
    json_t *found;

    if (host == NULL)
        return NULL;
    uname(&kernel);
    found = json_pack("{s:[], s:O, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "addresses",
                      "architectures", json_object_get(host, "architectures"), "certificate",
                      listeners_certificate(daemon->listeners), "certificate_fingerprint",
                      listeners_fingerprint(daemon->listeners), "driver", "lxc", "driver_version",
                      "5.0.2", "firewall", "nftables", "kernel", kernel.sysname,
                      "kernel_architecture", kernel.machine, "kernel_version", kernel.release);
    json_object_update_new(
        found,
        json_pack("{s:{}, s:{}, s:o, s:o, s:s, s:s, s:b, s:s, s:s, s:i, s:s, s:o, s:s, s:o}",
                  "kernel_features", "lxc_features", "os_name", os_release(G_OS_INFO_KEY_NAME),
                  "os_version", os_release(G_OS_INFO_KEY_VERSION_ID), "project", call->project,
                  "server", "berth", "server_clustered", FALSE, "server_event_mode", "full-mesh",
                  "server_name", kernel.nodename, "server_pid", (int)getpid(), "server_version",
                  BERTH_VERSION, "storage", used_storage(call->model), "storage_version", "1",
                  "storage_supported_drivers", storage_drivers(host)));
    return found;
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
    about = environment(call, error);
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
    {"PUT", "1.0", ACCESS_ADMIN, 0, replace},
    {"PATCH", "1.0", ACCESS_ADMIN, 0, merge},
    {"GET", "internal/ready", ACCESS_ADMIN, ROUTE_QUICK, ready},
    {0},
};
