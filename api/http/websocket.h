/* The server's end of a websocket (RFC 6455) over a Stream: messages of any size come in pieces,
 * messages go out through a queue. All of it lives in one GMainContext, and nothing blocks. */
#pragma once

#include "http/request.h"
#include "http/stream.h"

typedef struct Websocket Websocket;

typedef enum { WEBSOCKET_TEXT, WEBSOCKET_BINARY } WebsocketKind;

/* Part of a message; one without content is a single piece of length 0. */
typedef struct {
    WebsocketKind kind;
    gboolean first, last;
    const void *data;
    gsize length;
} WebsocketPiece;

/* Called in the context. Each may free the socket; NULL is allowed. */
typedef struct {
    void (*piece)(Websocket *socket, const WebsocketPiece *piece, void *data);
    /* All that was sent has left the queue. */
    void (*drained)(Websocket *socket, void *data);
    /* An answer to a ping. */
    void (*pong)(Websocket *socket, void *data);
    /* The other end closed the socket, left, or broke the protocol: nothing comes any more. Once.
     */
    void (*closed)(Websocket *socket, void *data);
} WebsocketHandlers;

/* Whether a request wants a websocket as it should; ERR_INVALID says what is wrong. */
gboolean websocket_requested(const Request *request, GError **error);
/* Answers such a request with 101. `upgraded` is called in `context` with the stream, then its
 * owner; with NULL when the client left before. */
typedef void (*WebsocketUpgraded)(Stream *stream, void *data);
void websocket_upgrade(Request *request, GMainContext *context, WebsocketUpgraded upgraded,
                       void *data);

/* Takes the stream over. `handlers` must stay. */
Websocket *websocket_new(Stream *stream, GMainContext *context, const WebsocketHandlers *handlers,
                         void *data);
/* Sends what is possible at once, and closes the connection. No handler is called any more. */
void websocket_free(Websocket *socket);
/* Sends what is queued and a close message, then frees the socket by itself: when the other end has
 * closed too, or has been silent for some seconds. No handler is called any more. */
void websocket_finish(Websocket *socket);

/* Queues a message; dropped once the socket is closed. */
void websocket_send(Websocket *socket, WebsocketKind kind, const void *data, gsize length);
void websocket_ping(Websocket *socket);
/* Bytes of messages that wait to be sent: who sends much stops while this is high, until drained.
 */
gsize websocket_queued(const Websocket *socket);

/* Stops reading, so that the other end has to wait. A few KiB that were read already may still come
 * as pieces. */
void websocket_pause(Websocket *socket, gboolean paused);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Websocket, websocket_free)
