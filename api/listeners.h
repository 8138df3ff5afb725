/* The server's identity, and where it listens for other machines (SV-28, AUTH-10, AUTH-11). */
#pragma once

#include "http/server.h"
#include "snapshot.h"

typedef struct Listeners Listeners;

/* Also the realm of the requests that come in there. */
typedef enum {
    LISTEN_API,     /* everything, as the unix socket; core.https_address */
    LISTEN_METRICS, /* core.metrics_address: metrics and nothing else (MET-12) */
    LISTEN_MAX
} ListenPurpose;

/* The key of the server's config that says where. */
const char *listeners_key(ListenPurpose purpose);

/* Reads server.crt and server.key of the state directory, and makes them when they are not there;
 * with server.ca and ca.crl clients need certificates of that authority. Listens nowhere yet.
 * `http` is borrowed. */
Listeners *listeners_new(HttpServer *http, const char *dir, GError **error);
/* Before the server: listeners are its own. */
void listeners_free(Listeners *listeners);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listeners, listeners_free)

/* The server's certificate, PEM, and its fingerprint. */
const char *listeners_certificate(const Listeners *listeners);
const char *listeners_fingerprint(const Listeners *listeners);

/* Whether the authority answers for a client's certificate: it issued it (none else is taken) and
 * did not revoke it. FALSE without an authority. */
gboolean listeners_vouch(Listeners *listeners, GBytes *certificate);

/* Listens at `address` (NULL: nowhere) instead of where it did. On failure it listens where it did
 * before. Any thread. */
gboolean listeners_set(Listeners *listeners, ListenPurpose purpose, const char *address,
                       GError **error);
/* Listens where the model says, and believes its proxies. */
gboolean listeners_follow(Listeners *listeners, const Snapshot *model, GError **error);

/* Takes an inherited socket as the listener, whatever the model says: systemd chose the address. */
gboolean listeners_take(Listeners *listeners, int fd, GError **error);

/* Where other machines reach the API. Of char *. */
GPtrArray *listeners_addresses(Listeners *listeners);
