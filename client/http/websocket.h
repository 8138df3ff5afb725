/* A websocket (RFC 6455) over a stream, either role, run by a main context. It belongs to the
 * thread of that context. */
#pragma once

#include "http/headers.h"
#include "http/stream.h"

typedef struct WebSocket WebSocket;
typedef struct Request Request; /* of a server: http/request.h */

/* All are called in the context; any may free the websocket. */
typedef struct {
    /* A whole message; the bytes are the websocket's. */
    void (*message)(WebSocket *socket, gboolean is_text, const void *bytes, gsize size, void *data);
    /* The queue was full and has fallen to half. May be NULL. */
    void (*writable)(WebSocket *socket, void *data);
    /* Once, and the last call. Code of the close frame that came, else of the one that was sent;
     * 1006 when the connection broke. May be NULL. */
    void (*closed)(WebSocket *socket, guint code, const char *reason, void *data);
    /* All that was sent has left the queue. May be NULL. */
    void (*drained)(WebSocket *socket, void *data);
    /* A ping was answered. May be NULL. */
    void (*pong)(WebSocket *socket, void *data);
} WebSocketHandlers;

#define WEBSOCKET_NORMAL 1000 /* codes of close frames (RFC 6455, 7.4.1) */
#define WEBSOCKET_BROKEN 1006

/* Whether a code says that the peer ended it as it should: done, going away, or no reason given. */
static inline gboolean websocket_is_farewell(guint code)
{
    return code == WEBSOCKET_NORMAL || code == 1001 || code == 1005;
}

typedef struct {
    gsize message; /* longest message that is taken, in bytes; a longer one ends the connection with
                      1009; 0: 16 MiB */
    gsize queue;   /* unsent bytes from which on it is full; 0: 1 MiB */
} WebSocketLimits;

/* Takes the stream. `limits` and `context` may be NULL. */
WebSocket *websocket_new(Stream *stream, gboolean is_client, GMainContext *context,
                         const WebSocketLimits *limits, const WebSocketHandlers *handlers,
                         void *data);

/* Drops the connection as it is. No handler is called any more. */
void websocket_free(WebSocket *socket);

/* Queues a message. FALSE when the websocket is closing or closed. Nothing is refused when the
 * queue is full: whoever sends looks at websocket_is_full() and waits for `writable`, or gives up
 * on a reader that slow. Text has to be UTF-8. */
gboolean websocket_send(WebSocket *socket, gboolean is_text, const void *bytes, gsize size);
gboolean websocket_is_full(const WebSocket *socket);
gsize websocket_queued(const WebSocket *socket);

void websocket_ping(WebSocket *socket);

/* Sends what is queued, then a close frame, and waits at most 5 s for the peer's; `closed` follows.
 */
void websocket_close(WebSocket *socket, guint code, const char *reason);

/* Stops reading, so that the peer has to wait. A few messages that were read already may still
 * come. */
void websocket_pause(WebSocket *socket, gboolean pause);

/* Handshake of a server: answers the request with 101 and gives the stream, see request_upgrade().
 * FALSE with an error, and without an answer, when the request does not ask for a websocket of
 * version 13. */
gboolean websocket_upgrade(Request *request, void (*upgraded)(Stream *stream, void *data),
                           void *data, GError **error);

/* Handshake of a client over a connected stream: asks for `target` of `host`, and waits at most 10
 * s for the answer. Blocks. */
gboolean websocket_connect(Stream *stream, const char *host, const char *target, Headers headers,
                           GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(WebSocket, websocket_free)
