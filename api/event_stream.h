/* A client that listens to events over a websocket (EV-01..08). */
#pragma once

#include "call.h"

/* Answers the request with the stream of these types, of `project` (NULL: all). The client hears of
 * everything that happens from the answer on. */
void event_stream_start(Call *call, guint types, const char *project);
