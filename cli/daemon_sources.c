/* Sources and holds by the daemon. */
#include "backend_daemon.h"
#include "error.h"

static char *path_of(const char *name, const char *rest)
{
    g_autofree char *part = g_uri_escape_string(name, NULL, FALSE);

    return g_strconcat("/1.0/sources/", part, rest, NULL);
}

json_t *daemon_source_state(Backend *backend, const char *name, GError **error)
{
    g_autofree char *path = path_of(name, "/state");

    return daemon_get((Remote *)backend, path, error);
}

static gboolean ask(Backend *backend, const char *method, const char *path, const json_t *body,
                    GError **error)
{
    g_autoptr(json_t) answer = daemon_ask((Remote *)backend, method, path, body, error);

    return answer != NULL;
}

gboolean daemon_source_add(Backend *backend, const char *name, const json_t *body, GError **error)
{
    return ask(backend, "POST", "/1.0/sources", body, error);
}

gboolean daemon_source_suspend(Backend *backend, const char *name, gboolean suspend, GError **error)
{
    g_autoptr(json_t) body = json_pack("{s:b}", "suspend", suspend);
    g_autofree char *path = path_of(name, "");

    return ask(backend, "PATCH", path, body, error);
}

gboolean daemon_source_remove(Backend *backend, const char *name, GError **error)
{
    g_autofree char *path = path_of(name, "");

    return ask(backend, "DELETE", path, NULL, error);
}

gboolean daemon_source_sync(Backend *backend, const char *name, gboolean again, json_t **ret_round,
                            int *ret_signal, GError **error)
{
    g_autoptr(json_t) body = json_pack("{s:b}", "force", again);
    g_autofree char *path = path_of(name, "/sync");

    return daemon_follow((Remote *)backend, path, body, NULL, ret_round, ret_signal, error);
}

json_t *daemon_holds(Backend *backend, GError **error)
{
    return daemon_get((Remote *)backend, "/1.0/holds", error);
}

gboolean daemon_hold(Backend *backend, const char *key, const char *path, gint64 seconds,
                     const char *reason, GError **error)
{
    g_autoptr(json_t) body = json_pack("{s:s, s:s, s:I, s:s}", "object", key, "path", path,
                                       "seconds", (json_int_t)seconds, "reason", reason);

    return ask(backend, "POST", "/1.0/holds", body, error);
}

gboolean daemon_unhold(Backend *backend, const char *key, const char *path, GError **error)
{
    g_autoptr(json_t) body = json_pack("{s:s, s:s*}", "object", key, "path", path);

    return ask(backend, "DELETE", "/1.0/holds", body, error);
}
