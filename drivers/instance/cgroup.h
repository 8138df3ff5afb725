/* Where control groups are on this host, in all three layouts: v1, hybrid and v2 (DESIGN 5). Paths
 * of a running container are asked from /proc; groups that berth named itself are swept by that
 * name. */
#pragma once

#include <sys/types.h>

#include "json.h"

/* One mounted hierarchy. */
typedef struct {
    char *mount;       /* "/sys/fs/cgroup/memory" */
    char *base;        /* group that containers are made in, of init's: "" or "/..." */
    GStrv controllers; /* v1: "cpu", "cpuacct" or "name=systemd"; v2: what the root offers */
    gboolean v2;
} Hierarchy;

/* All hierarchies, of Hierarchy *, found once for the process. Borrowed; NULL with an error. */
const GPtrArray *cgroup_hierarchies(GError **error);

/* {CONTROLLER: "v1"|"v2"} of all controllers that can be used, with "memory.swap" where swap is
 * accounted. New reference. */
json_t *cgroup_layout(GError **error);

/* The groups that a process is in. */
typedef struct Groups Groups;

/* Asks /proc for the groups of a process. What the container made for itself below the group `name`
 * is cut off. NULL with ERR_NOT_FOUND when the process is gone. */
Groups *groups_of(pid_t pid, const char *name, GError **error);
void groups_free(Groups *groups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Groups, groups_free)

/* Directory of the group in the hierarchy of a controller ("" is the v2 tree), borrowed; NULL when
 * it is not mounted. */
const char *groups_path(const Groups *groups, const char *controller, gboolean *ret_v2);

/* The freezer. Thawing and freezing wait until the kernel says that it is done. */
gboolean groups_frozen(const Groups *groups, gboolean *ret_frozen, GError **error);
gboolean groups_freeze(const Groups *groups, gboolean freeze, GError **error);

/* Says that a process is about to be moved into a group. The first such move for a while makes the
 * kernel wait for all CPUs (a grace period of RCU: 5 to 20 ms); here that wait passes in a thread.
 * Returns at once; failures do not matter. */
void cgroup_moves_ahead(void);

/* Name of the groups of an instance (or of what else `disk_name` says): no two state directories
 * share one. Of both empty: what all of a state directory begin with. `part` is
 * "", ".monitor" or ".pivot". Newly allocated. */
char *cgroup_name(const char *dir, const char *disk_name, const char *part);

/* Kills what still runs in the groups of this name and removes them from every hierarchy. None is
 * success. */
gboolean cgroup_sweep(const char *name, GError **error);
