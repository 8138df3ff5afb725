/* What happens on the host, as it happens (EN-40): links, addresses and routes (netlink), firewall
 * rules (nftables' notifications), files (inotify), mounts (poll on mountinfo), processes (pidfds)
 * and what is written to control groups (inotify). All of it becomes one sort of thing, a fact that
 * names an object to look at again. Nothing here wakes up unless something happened.
 *
 * A watch belongs to one thread: the one that runs its context. */
#pragma once

#include "driver.h"

typedef struct HostWatch HostWatch;

typedef struct {
    const char *kind; /* "link", "route", "chain", "path", "mount", "record", "cgroup" or "lost" */
    const char *name; /* of what the kind is: "br0", "/var/lib/berth/run/web.json" */
    const char *what; /* "changed", "gone", "written" */
} WatchFact;

/* Called in the context for each object that stands on what changed. `key` NULL with kind "lost":
 * more happened than the kernel could tell, all objects are meant. */
typedef void (*WatchFunction)(void *data, const char *key, const WatchFact *fact);

/* The network namespace is that of the calling thread. */
HostWatch *host_watch_new(GMainContext *context, WatchFunction tell, void *data, GError **error);
void host_watch_free(HostWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostWatch, host_watch_free)

/* Watches what a driver's `watch` returned for an object (borrowed); NULL: no longer. Setting the
 * same again looks whether the processes are others by now. */
void host_watch_set(HostWatch *watch, const char *key, const json_t *watched);
