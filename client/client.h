/* A client of the API: asks a daemon on this machine by its unix socket, or a server by HTTPS with
 * our certificate and the server's pinned. Blocking; one thread. */
#pragma once

#include "http/stream.h"
#include "json.h"

typedef struct Client Client;

/* The other end. Strings are copied. */
typedef struct {
    const char *url;    /* "unix:/PATH", or "https://HOST:PORT" */
    const char *pinned; /* PEM: its key, and no other, is the server's (AUTH-42); https only */
    const char *certificate,
        *key; /* files of our own pair, which https shows (AUTH-11); NULL: none */
} ClientServer;

Client *client_new(const ClientServer *server, GError **error);
void client_free(Client *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Client, client_free)
const char *client_url(const Client *client);
/* How long a request may take from now on; over that it is ERR_UNAVAILABLE. */
void client_set_timeout(Client *client, gint64 milliseconds);

/* Asks for `path` ("/1.0/...") with a JSON body (NULL: none), and waits for the answer as long as
 * it takes. The whole envelope (API-010..012). An answer of an error becomes one of the same code
 * as in the server, by X-Berth-Error or else by its status; nobody who answers is ERR_UNAVAILABLE.
 * New reference. */
json_t *client_ask(Client *client, const char *method, const char *path, const json_t *body,
                   GError **error);
/* The metadata of a synchronous answer. New reference. */
json_t *client_get(Client *client, const char *path, GError **error);
/* Posts a file of any size, of that Content-Type, as the body, and tells how far it is (meter.h);
 * the metadata of the answer. */
json_t *client_upload(Client *client, const char *path, const char *type, int fd, GError **error);

/* A websocket at `target`, whose handshake is done. */
Stream *client_websocket(Client *client, const char *target, GError **error);

/* The certificate that a server shows, whoever it is, as PEM: for first contact (AUTH-40). */
char *client_certificate_of(const char *url, GError **error);
