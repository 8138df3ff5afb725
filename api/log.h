/* What the daemon logs: lines of text to a file or standard error, and events for whoever listens
 * (EV-15..18). Everything comes by way of GLib's g_log functions. */
#pragma once

#include "events.h"

/* Takes over the process' log: messages up to `level` are written to `file` (NULL: standard error).
 * Call it once, before threads are. */
gboolean log_start(const char *file, GLogLevelFlags level, GError **error);

/* All messages, whatever the level of the file, become events from now on; NULL: no more. */
void log_to_events(Events *events);
