/* A memory limit for the sandbox by a cgroup of its own, on hosts whose memory controller we may
 * use. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Puts a process into a new group with the limit. Returns the group's path (newly allocated), or
 * NULL where there is none. */
char *memory_group_enter(pid_t pid);

/* Removes the group; its processes have ended. NULL is fine. Frees nothing. */
void memory_group_leave(const char *group);
