/* Carries bytes between a websocket and descriptors of a process, as exec and console do (OPS-38):
 * content in binary messages, an empty text message at the end of a stream. Whoever is slow makes
 * the other side wait, and nothing is kept but some 100 KiB. In the daemon's context. */
#pragma once

#include "http/stream.h"

typedef struct Relay Relay;

/* Each is called once at most; neither after relay_free, which both may call. */
typedef struct {
    /* `from` has ended, and the client has all of it. */
    void (*sent)(Relay *relay, void *data);
    /* The client is gone: with a farewell, or because the connection broke. */
    void (*gone)(Relay *relay, gboolean farewell, void *data);
} RelayHandlers;

/* Sends what can be read from `from`, and writes to `to` what comes; each may be -1. Takes the
 * stream and both descriptors; `handlers` must stay. */
Relay *relay_new(Stream *stream, GMainContext *context, int from, int to,
                 const RelayHandlers *handlers, void *data);

/* Takes what `from` has now and counts it as ended: a terminal has no end as long as anybody inside
 * has it open. */
void relay_drain(Relay *relay);

/* Closes the descriptors at once, and the websocket after what is queued, with a farewell. */
void relay_free(Relay *relay);
