/* The server's identity, and where it listens for other machines (SV-28, AUTH-10, AUTH-11). */
#pragma once

#include "http/server.h"
#include "snapshot.h"

typedef struct Listeners Listeners;

/* Reads server.crt and server.key of the state directory, and makes them when they are not there.
 * Listens nowhere yet. `http` is borrowed. */
Listeners *listeners_new(HttpServer *http, const char *dir, GError **error);
/* Before the server: listeners are its own. */
void listeners_free(Listeners *listeners);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listeners, listeners_free)

/* The server's certificate, PEM, and its fingerprint. */
const char *listeners_certificate(const Listeners *listeners);
const char *listeners_fingerprint(const Listeners *listeners);
Tls *listeners_tls(const Listeners *listeners);

/* Listens at `address` (NULL: nowhere) instead of where it did. On failure it listens where it did
 * before. Any thread. */
gboolean listeners_set(Listeners *listeners, const char *address, GError **error);
/* The same with the model's core.https_address. */
gboolean listeners_follow(Listeners *listeners, const Snapshot *model, GError **error);

/* Takes an inherited socket as the listener, whatever the model says: systemd chose the address. */
gboolean listeners_take(Listeners *listeners, int fd, GError **error);

/* Where other machines reach the API. Of char *. */
GPtrArray *listeners_addresses(Listeners *listeners);
