/* The mounts of a process, from /proc/PID/mountinfo. */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct {
    char *path;              /* mount point, in the process's own root */
    char *origin;            /* "MAJOR:MINOR ROOT": what is mounted */
    const char *propagation; /* "private", "shared", "slave", "shared slave" or "unbindable" */
    gboolean readonly;
} Mount;

/* All mounts, oldest first (of Mount *). NULL with an error. */
GPtrArray *mountinfo_read(pid_t pid, GError **error);

/* The one that is seen at a path, borrowed; NULL when it is no mount point. */
const Mount *mountinfo_at(const GPtrArray *mounts, const char *path);
