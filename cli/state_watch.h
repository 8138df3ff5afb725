/* Waits until somebody writes into a state directory, a run begins or ends, or an address is
 * leased: inotify on it and on folders of it, or on the nearest directory above while it is not
 * there. */
#pragma once

#include <glib.h>

typedef struct StateWatch StateWatch;

StateWatch *state_watch_new(const char *dir, GError **error);
void state_watch_free(StateWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateWatch, state_watch_free)

/* Returns when something was written and a moment of quiet came after it, or after `tick` seconds.
 * FALSE when nobody reads standard output any more. */
gboolean state_watch_wait(StateWatch *watch, int tick);
/* The same until a moment in seconds since the epoch, or until the clock is set. */
void state_watch_until(StateWatch *watch, gint64 moment);
