#include "listeners.h"

#include <unistd.h>

#include "addresses.h"
#include "http/certificate.h"
#include "object.h"

#define TRIES 10 /* SV-28 */

/* What the daemon listens for, and where when it is not said. */
static const struct {
    const char *key;
    guint port;
} PURPOSES[LISTEN_MAX] = {
    [LISTEN_API] = {"core.https_address", 8443},
    [LISTEN_METRICS] = {"core.metrics_address", 9100},
};

typedef struct {
    HttpListener *listener;
    char *address; /* as it was asked for; NULL: none */
    gboolean inherited;
} Slot;

struct Listeners {
    HttpServer *http;
    Tls *tls;
    Authority *authority; /* NULL: there is none */
    char *certificate;
    char *fingerprint;
    GMutex lock; /* of what follows */
    Slot slots[LISTEN_MAX];
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

/* PKI mode (AUTH-51). */
static gboolean load_authority(Listeners *listeners, const char *dir, GError **error)
{
    g_autofree char *certificate = g_build_filename(dir, "server.ca", NULL);
    g_autofree char *list = g_build_filename(dir, "ca.crl", NULL);
    g_autoptr(GError) problem = NULL;

    listeners->authority = authority_new(certificate, list, &problem);
    if (problem != NULL) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    tls_set_authority(listeners->tls, listeners->authority);
    return TRUE;
}

Listeners *listeners_new(HttpServer *http, const char *dir, GError **error)
{
    g_autoptr(Listeners) listeners = g_new0(Listeners, 1);

    listeners->http = http;
    g_mutex_init(&listeners->lock);
    if (!load(listeners, dir, error) || !load_authority(listeners, dir, error))
        return NULL;
    return g_steal_pointer(&listeners);
}

void listeners_free(Listeners *listeners)
{
    if (listeners == NULL)
        return;
    tls_unref(listeners->tls);
    authority_free(listeners->authority);
    g_mutex_clear(&listeners->lock);
    g_free(listeners->certificate);
    g_free(listeners->fingerprint);
    for (guint i = 0; i < LISTEN_MAX; i++)
        g_free(listeners->slots[i].address);
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

gboolean listeners_vouch(Listeners *listeners, GBytes *certificate)
{
    return listeners->authority != NULL && !authority_revoked(listeners->authority, certificate);
}

const char *listeners_key(ListenPurpose purpose)
{
    return PURPOSES[purpose].key;
}

static HttpListener *listen_at(Listeners *listeners, ListenPurpose purpose, const char *address,
                               guint tries, GError **error)
{
    return http_server_add_tcp(listeners->http, address, PURPOSES[purpose].port, tries,
                               listeners->tls, purpose, error);
}

static void drop(Listeners *listeners, Slot *slot)
{
    if (slot->listener != NULL)
        http_server_remove(listeners->http, slot->listener);
    slot->listener = NULL;
}

/* Where the old socket is in the way of the new one (":8443" after "192.0.2.1:8443"), it goes first
 * and comes back on failure. Where there is none, as at the start, that of a daemon that was killed
 * may be there for a moment still. */
static gboolean move(Listeners *listeners, ListenPurpose purpose, const char *address,
                     GError **error)
{
    Slot *slot = &listeners->slots[purpose];
    guint tries = slot->listener == NULL ? TRIES : 1;
    HttpListener *fresh =
        slot->listener != NULL ? listen_at(listeners, purpose, address, 1, NULL) : NULL;

    drop(listeners, slot);
    slot->listener = fresh != NULL ? fresh : listen_at(listeners, purpose, address, tries, error);
    if (slot->listener != NULL)
        return TRUE;
    if (slot->address != NULL) {
        g_autoptr(GError) lost = NULL;

        slot->listener = listen_at(listeners, purpose, slot->address, TRIES, &lost);
        if (slot->listener == NULL)
            g_warning("%s cannot be put back: %s", PURPOSES[purpose].key, lost->message);
    }
    return FALSE;
}

gboolean listeners_set(Listeners *listeners, ListenPurpose purpose, const char *address,
                       GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&listeners->lock);
    Slot *slot = &listeners->slots[purpose];

    if (address != NULL && *address == '\0')
        address = NULL;
    if (slot->inherited || g_strcmp0(address, slot->address) == 0)
        return TRUE;
    if (address == NULL)
        drop(listeners, slot);
    else if (!move(listeners, purpose, address, error))
        return FALSE;
    g_free(slot->address);
    slot->address = g_strdup(address);
    return TRUE;
}

static void follow_proxies(Listeners *listeners, const char *proxies)
{
    g_auto(GStrv) addresses = g_strsplit(proxies != NULL ? proxies : "", ",", -1);

    for (char **address = addresses; *address != NULL; address++)
        g_strstrip(*address);
    http_server_set_proxies(listeners->http, (const char *const *)addresses);
}

gboolean listeners_follow(Listeners *listeners, const Snapshot *model, GError **error)
{
    const Object *server = snapshot_find(model, KIND_SERVER, "", "");

    follow_proxies(listeners,
                   server != NULL ? object_config(server, "core.https_trusted_proxy") : NULL);
    for (guint i = 0; i < LISTEN_MAX; i++) {
        const char *address = server != NULL ? object_config(server, PURPOSES[i].key) : NULL;

        if (!listeners_set(listeners, i, address, error)) {
            g_prefix_error(error, "%s: ", PURPOSES[i].key);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean listeners_take(Listeners *listeners, int fd, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&listeners->lock);
    Slot *slot = &listeners->slots[LISTEN_API];

    drop(listeners, slot);
    slot->listener = http_server_add_fd(listeners->http, fd, listeners->tls, error);
    slot->inherited = slot->listener != NULL;
    return slot->inherited;
}

GPtrArray *listeners_addresses(Listeners *listeners)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&listeners->lock);
    const HttpListener *https = listeners->slots[LISTEN_API].listener;

    return https != NULL ? addresses_of_listener(http_listener_address(https))
                         : g_ptr_array_new_with_free_func(g_free);
}
