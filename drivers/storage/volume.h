/* Volumes: the directory (dir) or subvolume (btrfs) of one instance, with rootfs/, metadata.yaml
 * and templates/ taken from an image's volume, and the limit on its size (storage.md ST-DIR-*,
 * ST-BTRFS-*, ST-106).
 *
 * A volume is complete or not there: it is built as `.new-TX-NAME` and renamed. It is removed by a
 * rename to `.parked-TX-NAME`, which a later purge deletes. Owners on disk are those of the image,
 * unshifted; the volume's own directory is 0700 root, so that no user of the host reaches a setuid
 * file or device inside. It carries a mark (xattr user.berth, or a file .berth beside rootfs where
 * there are no xattrs) that names its object and image; whatever has no mark is never touched.
 *
 * The fact, one row of the object that owns the volume:
 *   {"driver": "dir"|"btrfs", "key": object key, "path": absolute, "image": fingerprint or absent,
 * "$image": absolute path of the volume that it is made of: the image's on the pool, or another
 * instance's; absent without} A change of
 * `path` renames within one pool and copies to another (stage copies, ensure parks the old one), a
 * change of `image` rebuilds (stage builds, ensure swaps). The
 * limit is a fact of its own, after the volume: {"bytes": N, "$path": absolute}. */
#pragma once

#include "driver.h"

/* Pure. `kind` is the pool's folder: "containers". `fingerprint` may be NULL (an empty rootfs).
 * NULL with an error. */
json_t *volume_expect(const Context *context, const Object *pool, const char *kind, const char *key,
                      const char *disk_name, const char *fingerprint, GError **error);

/* Pure. The limit for a root disk's `size`; NULL without error when size is NULL or "0", or when
 * the pool cannot limit (driver dir here: ST-DIR-05, the size is then kept in the model alone). */
json_t *quota_expect(const Context *context, const Object *pool, const char *kind,
                     const char *disk_name, const char *size, GError **error);

/* What the pool's volume.size says for new volumes (ST-021), borrowed, or NULL. A caller that
 * honours it keeps the value of the moment of creation as a generated value: later changes do not
 * resize what is there. */
const char *volume_default_size(const Object *pool);

/* Pure. Remarks in `facts`, which an `expect` returns, that the size in `field` ("config.size") is
 * only stored where the pool cannot limit (ST-DIR-05). `size` as for quota_expect. */
void quota_remark(json_t *facts, const Object *pool, const char *size, const char *field);

/* What is at `path`; NULL without error when nothing is. ERR_EXISTS when it is not berth's. While
 * the pool is not mounted (after a reboot) this is what was last known. `driver` is the pool's. */
json_t *volume_observe(Host *host, const char *path, const char *driver, GError **error);
json_t *quota_observe(Host *host, const char *path, const char *driver, GError **error);

/* For FactRows whose value is a volume, and one whose value is a limit. */
gboolean volume_ensure(Host *host, const Step *step, GError **error);
/* FactRow.carries: the same content on another pool. */
gboolean volume_carries(const json_t *from, const json_t *to);
gboolean volume_stage(Host *host, const Step *step, GError **error);
gboolean volume_room(Host *host, const Step *step, GError **error);
gboolean volume_unstage(Host *host, const Step *step, GError **error);
gboolean volume_purge(Host *host, const Step *step, GError **error);
gboolean quota_ensure(Host *host, const Step *step, GError **error);
