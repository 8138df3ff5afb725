/* Where a pool's data are: a directory, a subvolume, an image file or a formatted device.
 *
 * The fact: {"kind": "directory"|"subvolume"|"image"|"device", "path": absolute (not for devices),
 * "uuid": U (image, device),
 *            "$device": PATH, "$size": bytes, "$label": TEXT, "$target": STATE/storage-pools/POOL}
 *
 * What was there before is never destroyed, by no removal and no undo (PS-48): a user's directory
 * or subvolume only loses the folders that berth made in it; a device is formatted only when mkfs
 * finds nothing on it. */
#pragma once

#include "driver.h"
#include "storage/pool_source.h"

/* The folders that every pool has (ST-009). NULL-terminated. */
extern const char *const POOL_FOLDERS[];

json_t *pool_backing_expect(const Object *pool, const PoolSource *source, GError **error);
json_t *pool_backing_observe(const char *dir, const Object *pool, const PoolSource *source,
                             GError **error);
gboolean pool_backing_ensure(Host *host, const Step *step, GError **error);
gboolean pool_backing_purge(Host *host, const Step *step, GError **error);
