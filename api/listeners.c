#include "listeners.h"

#include <unistd.h>

#include "addresses.h"
#include "http/certificate.h"

struct Listeners {
    HttpServer *http;
    Tls *tls;
    char *certificate;
    char *fingerprint;
    GMutex lock; /* of what follows */
    HttpListener *https;
    char *address; /* as it was asked for; NULL: none */
    gboolean inherited;
};

static gboolean load(Listeners *listeners, const char *dir, GError **error)
{
    g_autofree char *certificate = g_build_filename(dir, "server.crt", NULL);
    g_autofree char *key_path = g_build_filename(dir, "server.key", NULL);
    g_autofree char *name = g_strdup_printf("root@%s", g_get_host_name());
    g_autoptr(GPtrArray) names = addresses_of_host();
    g_autoptr(GBytes) der = NULL;
    g_autofree char *key = NULL;

    g_ptr_array_add(names, g_strdup(g_get_host_name()));
    g_ptr_array_add(names, g_strdup("127.0.0.1"));
    g_ptr_array_add(names, g_strdup("::1"));
    g_ptr_array_add(names, NULL);
    if (!certificate_ensure(certificate, key_path, name, (const char *const *)names->pdata, TRUE,
                            &listeners->certificate, &key, error))
        return FALSE;
    der = certificate_from_pem(listeners->certificate, error);
    if (der == NULL)
        return FALSE;
    listeners->fingerprint = certificate_fingerprint(der);
    listeners->tls = tls_new(listeners->certificate, key, error);
    return listeners->tls != NULL;
}

Listeners *listeners_new(HttpServer *http, const char *dir, GError **error)
{
    g_autoptr(Listeners) listeners = g_new0(Listeners, 1);

    listeners->http = http;
    g_mutex_init(&listeners->lock);
    if (!load(listeners, dir, error))
        return NULL;
    return g_steal_pointer(&listeners);
}

void listeners_free(Listeners *listeners)
{
    if (listeners == NULL)
        return;
    tls_unref(listeners->tls);
    g_mutex_clear(&listeners->lock);
    g_free(listeners->certificate);
    g_free(listeners->fingerprint);
    g_free(listeners->address);
    g_free(listeners);
}

const char *listeners_certificate(const Listeners *listeners)
{
    return listeners->certificate;
}

const char *listeners_fingerprint(const Listeners *listeners)
{
    return listeners->fingerprint;
}

Tls *listeners_tls(const Listeners *listeners)
{
    return listeners->tls;
}

static void drop(Listeners *listeners)
{
    if (listeners->https != NULL)
        http_server_remove(listeners->http, listeners->https);
    listeners->https = NULL;
}

/* Where the old socket is in the way of the new one (":8443" after "192.0.2.1:8443"), it goes first
 * and comes back on failure. */
static gboolean move(Listeners *listeners, const char *address, GError **error)
{
    HttpListener *fresh = http_server_add_tcp(listeners->http, address, listeners->tls, NULL);

    if (fresh != NULL) {
        drop(listeners);
        listeners->https = fresh;
        return TRUE;
    }
    drop(listeners);
    listeners->https = http_server_add_tcp(listeners->http, address, listeners->tls, error);
    if (listeners->https != NULL)
        return TRUE;
    if (listeners->address != NULL) {
        g_autoptr(GError) lost = NULL;

        listeners->https =
            http_server_add_tcp(listeners->http, listeners->address, listeners->tls, &lost);
        if (listeners->https == NULL)
            g_warning("core.https_address cannot be put back: %s", lost->message);
    }
    return FALSE;
}

gboolean listeners_set(Listeners *listeners, const char *address, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&listeners->lock);

    if (address != NULL && *address == '\0')
        address = NULL;
    if (listeners->inherited || g_strcmp0(address, listeners->address) == 0)
        return TRUE;
    if (address == NULL)
        drop(listeners);
    else if (!move(listeners, address, error))
        return FALSE;
    g_free(listeners->address);
    listeners->address = g_strdup(address);
    return TRUE;
}

gboolean listeners_follow(Listeners *listeners, const Snapshot *model, GError **error)
{
    const Object *server = snapshot_find(model, KIND_SERVER, "", "");
    const char *address = server != NULL ? object_config(server, "core.https_address") : NULL;

    return listeners_set(listeners, address, error);
}

gboolean listeners_take(Listeners *listeners, int fd, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&listeners->lock);

    drop(listeners);
    listeners->https = http_server_add_fd(listeners->http, fd, listeners->tls, error);
    listeners->inherited = listeners->https != NULL;
    return listeners->inherited;
}

GPtrArray *listeners_addresses(Listeners *listeners)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&listeners->lock);

    return listeners->https != NULL ? addresses_of_listener(http_listener_address(listeners->https))
                                    : g_ptr_array_new_with_free_func(g_free);
}
