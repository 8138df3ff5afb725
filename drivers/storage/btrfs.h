/* btrfs by its ioctls: subvolumes, snapshots, limits, and what a superblock says. Nothing here
 * starts a program. */
#pragma once

#include <glib.h>

gboolean
btrfs_has(const char *path); /* the path is on a btrfs; FALSE also when it does not exist */
gboolean btrfs_is_subvolume(const char *path); /* the top of one, not a link to it */

gboolean btrfs_subvolume_create(const char *path, GError **error);
gboolean btrfs_snapshot(const char *from, const char *to, gboolean read_only, GError **error);
gboolean btrfs_set_read_only(const char *path, gboolean read_only, GError **error);

/* Deletes the subvolumes that lie below a directory, deepest first, read-only ones too. A plain
 * tree is left as it is. */
gboolean btrfs_remove_below(const char *path, GError **error);
/* The same and the subvolume at `path` itself; gone already is success. */
gboolean btrfs_subvolume_remove(const char *path, GError **error);

/* Limit on the referenced data of the subvolume at `path` in bytes; 0 is none (ST-BTRFS-06).
 * Setting one switches quotas on. */
gboolean btrfs_limit_get(const char *path, guint64 *ret_bytes, GError **error);
gboolean btrfs_limit_set(const char *path, guint64 bytes, GError **error);

/* UUID text of the mounted file system that holds `path`. Newly allocated. */
char *btrfs_mounted_uuid(const char *path, GError **error);

/* UUID text in the superblock of a device or image file; NULL without error when there is no btrfs
 * on it. Newly allocated. */
char *btrfs_super_uuid(const char *path, GError **error);

/* Makes the btrfs with this UUID on an unmounted device unrecognisable: the magic of every
 * superblock copy goes. A device with another content is left alone. */
gboolean btrfs_super_wipe(const char *path, const char *uuid, GError **error);
