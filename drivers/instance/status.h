/* Whether an instance runs, in a few microseconds: from its record and its control group, nothing
 * else. Never stale: what is kept of a record counts only while its file and its processes are the
 * same. Any thread. */
#pragma once

#include <glib.h>

typedef enum { INSTANCE_STOPPED, INSTANCE_RUNNING, INSTANCE_FROZEN } InstanceStatus;

/* `dir`: the state directory; `name`: on disk (disk_name). */
InstanceStatus instance_status(const char *dir, const char *name);

/* Names on disk of all that may run, a set; all others do not. For answers about many. */
GHashTable *instance_status_candidates(const char *dir);
