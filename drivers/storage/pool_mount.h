/* A pool's mount at STATE/storage-pools/POOL, and finding a pool that a reboot has unmounted.
 *
 * The fact: {"filesystem": "btrfs", "uuid": U, "options": TEXT, "$kind": "image"|"device",
 * "$source": PATH, "$path": target} or  {"filesystem": "bind", "source": PATH, "$path": target};
 * pools that are at their own place have none.
 *
 * What is needed to mount is also kept in STATE/disks/POOL.pool, and what volumes a mounted pool
 * has in STATE/disks/POOL.volumes/, because after a reboot the folder at the pool's path is empty:
 * absent volumes must not be mistaken for deleted ones (LAW-7), and an undo must reach them. */
#pragma once

#include "driver.h"
#include "storage/pool_source.h"

json_t *pool_mount_expect(const Object *pool, const PoolSource *source);
/* NULL without error when nothing is mounted. `wanted` is what pool_mount_expect() says. */
json_t *pool_mount_observe(const char *dir, const json_t *wanted, GError **error);
gboolean pool_mount_ensure(Host *host, const Step *step, GError **error);

typedef enum {
    POOL_ABSENT,   /* there is no such pool, or its data are parked */
    POOL_INACTIVE, /* there is one; it is not mounted */
    POOL_ACTIVE,
} PoolState;

PoolState pool_state(const char *dir, const char *target);
/* Mounts an inactive pool; ret_state is never POOL_INACTIVE. */
gboolean pool_activate(const char *dir, const char *target, PoolState *ret_state, GError **error);

/* Whether something is mounted right at `path`. */
gboolean pool_is_mounted(const char *path);
