/* The HTTP server: listeners (unix socket, inherited fd, TCP with TLS), each with a libmicrohttpd
 * daemon and a thread of its own. */
#pragma once

#include "http/request.h"
#include "http/tls.h"

typedef struct HttpServer HttpServer;
typedef struct HttpListener HttpListener;

/* What the server calls, in HTTP threads, several at a time: neither may block, and both must be
 * safe to run side by side. */
typedef struct {
    /* The header of a request is here: says how its body is taken. May answer, then the body is not
     * read and `request` not called. NULL: BODY_MEMORY of 1 MiB. */
    BodyPolicy (*header)(Request *request, void *data);
    /* The request is complete. Answer now, or take a reference and answer later from any thread. */
    void (*request)(Request *request, void *data);
    void *data;
} HttpHandlers;

typedef struct {
    const char *spool;  /* folder of BODY_FILE files; NULL: g_get_tmp_dir() */
    guint idle_seconds; /* a connection without a whole request header for so long is closed; 0: 120
                         */
    guint progress_seconds; /* ... as is one that brings less than 16 KiB of its body in it, or
                               takes nothing of the answer; 0: 60 */
    guint connections;      /* of a listener at a time; more have to wait; 0: 8192 */
    guint connections_per_address; /* of other machines, all listeners together; more are refused;
                                      0: 512 */
    guint header_bytes; /* memory for a request's header, longer ones get 413, 414 or 431; 0: 64 KiB
                         */
} HttpLimits;

/* `limits` may be NULL. */
HttpServer *http_server_new(const HttpHandlers *handlers, const HttpLimits *limits);

/* Ends all listeners. Requests without answer get 503. Streams of upgrades read their end from then
 * on. */
void http_server_free(HttpServer *server);

/* Listens on a unix socket at `path`, mode 0660, of group `gid` ((gid_t)-1: unchanged) (API-002).
 * The socket file of a server that is gone is replaced; ERR_BUSY when one answers there. The file
 * goes with the listener. */
HttpListener *http_server_add_unix(HttpServer *server, const char *path, gid_t gid, GError **error);

/* Listens on `fd`, a listening socket that becomes the listener's (systemd socket activation).
 * `tls` is needed for a TCP socket. */
HttpListener *http_server_add_fd(HttpServer *server, int fd, Tls *tls, GError **error);

/* Listens on "HOST:PORT", HOST, ":PORT", "[IPv6]:PORT"; at `default_port` when there is none. HTTPS
 * only (API-001). `realm` is what its requests say of where they came in; 0 for other listeners. An
 * address that is in use is tried again every 100 ms, `tries` times in all. */
HttpListener *http_server_add_tcp(HttpServer *server, const char *address, guint default_port,
                                  guint tries, Tls *tls, guint realm, GError **error);

/* Where a listener of add_tcp or add_fd listens, "[::]:8443"; the path of a unix socket. */
const char *http_listener_address(const HttpListener *listener);

/* Listens no longer, at once. Open connections finish their requests and upgrades; idle ones are
 * closed. */
void http_server_remove(HttpServer *server, HttpListener *listener);

/* IP addresses whose word about their clients' addresses is believed (AUTH-83); NULL: none. For
 * connections that come from now on. */
void http_server_set_proxies(HttpServer *server, const char *const *addresses);

/* Connections that are open, all listeners together. */
guint http_server_connections(HttpServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpServer, http_server_free)
