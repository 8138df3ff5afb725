/* Whether an instance runs, in a few microseconds: from its record and its control group, nothing else. */
#pragma once

#include <glib.h>

typedef enum { INSTANCE_STOPPED, INSTANCE_RUNNING, INSTANCE_FROZEN } InstanceStatus;

/* `dir`: the state directory; `name`: on disk (disk_name). */
InstanceStatus instance_status(const char *dir, const char *name);
