/* Deadlines of applies that wait for a confirmation, without a daemon (EN-33). They hold by the
 * store alone: whoever opens it to write acts on them. This is so that it comes in time without
 * anybody doing anything. */
#pragma once

#include <glib.h>

/* Has somebody wait from now on, who outlives this process: the service berth-revert, which is
 * there after a reboot too, or else a process of our own. What that does not outlive is told. */
void deadline_watch_start(const char *dir);

/* Waits until nothing waits any more, and takes back what is due meanwhile. */
gboolean deadline_watch_run(const char *dir, GError **error);
