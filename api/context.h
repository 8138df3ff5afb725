/* From threads to the daemon's main context and back. */
#pragma once

#include "daemon.h"
#include "http/stream.h"

typedef void (*ContextCall)(void *data);

/* Calls `call` in the context, soon, in the order of the calls. Any thread. */
void context_call(Daemon *daemon, ContextCall call, void *data);

/* Calls `work` in a thread where it may wait, then `done` in the context. The daemon waits for the
 * work before it ends. */
void context_background(Daemon *daemon, ContextCall work, ContextCall done, void *data);
/* For the daemon alone. */
GThreadPool *context_workers(void);

/* Ends a source that is still attached, if there is one. In the context. */
void context_drop(GSource **source);

/* Answers a request with a websocket's handshake; `upgraded` gets the stream, then its owner, in
 * the context; NULL when the client left before. FALSE with an error when no websocket is asked
 * for. */
gboolean context_upgrade(Daemon *daemon, Request *request,
                         void (*upgraded)(Stream *stream, void *data), void *data, GError **error);
