/* Deadlines without a daemon: of applies that wait for a confirmation (EN-33), which hold by the
 * store alone, as whoever opens it to write acts on them; and of leases (EN-51). This is so that it
 * comes in time without anybody doing anything. */
#pragma once

#include <glib.h>

/* Has somebody wait from now on, who outlives this process: the service berth-revert, which is
 * there after a reboot too, or else a process of our own. What that does not outlive is told. */
typedef enum { DEADLINE_CONFIRM, DEADLINE_LEASE } DeadlineKind;
void deadline_watch_start(const char *dir, DeadlineKind kind);

/* Waits until nothing waits any more, and acts on what is due meanwhile; at once when another
 * process does so already. */
gboolean deadline_watch_run(const char *dir, GError **error);
