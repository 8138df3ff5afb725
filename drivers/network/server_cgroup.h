/* A cgroup of its own for each server, so that it is nobody's process but its network's (DESIGN 5).
 * Where there is no writable cgroup v2 hierarchy the server stays in ours, and works the same. */
#pragma once

#include <glib.h>
#include <sys/types.h>

void server_cgroup_enter(const char *dir, const char *network, pid_t pid);
/* Removes it once it is empty. */
void server_cgroup_remove(const char *dir, const char *network);
