/* What a pool's `driver` and `source` mean: which sort of backing it has and where. */
#pragma once

#include "driver.h"

typedef enum {
    BACKING_DIRECTORY, /* a directory: berth's own at the pool's path, or the user's (ST-DIR-03) */
    BACKING_SUBVOLUME, /* a subvolume of a btrfs that is there already (ST-BTRFS-03 b) */
    BACKING_IMAGE,     /* a loop file that berth makes (ST-BTRFS-03 a) */
    BACKING_DEVICE,    /* a block device that berth formats (ST-BTRFS-03 c) */
} Backing;

typedef struct {
    Backing backing;
    char *path;        /* of the directory, subvolume, image file or device; absolute */
    char *target;      /* STATE/storage-pools/POOL */
    gboolean in_place; /* path and target are the same: nothing is mounted */
} PoolSource;

/* Pure. ERR_UNSUPPORTED for drivers that this build has not. */
gboolean pool_source_read(const char *dir, const Object *pool, PoolSource *ret, GError **error);
void pool_source_clear(PoolSource *source);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PoolSource, pool_source_clear)

/* Looks whether a new pool can be put there: the source exists, is of the right sort, holds nothing
 * (PS-48). */
gboolean pool_source_check(const char *dir, const PoolSource *source, GError **error);

/* The default size of a loop file (ST-013): a fifth of the file system that holds `dir`, 5 to 30
 * GB. Newly allocated. */
char *pool_default_size(const char *dir);

char *pool_file(const char *dir, const char *pool, const char *suffix); /* STATE/disks/POOLsuffix */
