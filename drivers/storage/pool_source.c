#include "storage/pool_source.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "error.h"
#include "file.h"
#include "json.h"
#include "paths.h"
#include "storage/btrfs.h"
#include "storage/place.h"

#define MIN_GIGABYTES 5u
#define MAX_GIGABYTES 30u

char *pool_file(const char *dir, const char *pool, const char *suffix)
{
    g_autofree char *name = g_strconcat(pool, suffix, NULL);

    return g_build_filename(dir, "disks", name, NULL);
}

void pool_source_clear(PoolSource *source)
{
    g_clear_pointer(&source->path, g_free);
    g_clear_pointer(&source->target, g_free);
}

gboolean pool_source_read(const char *dir, const Object *pool, PoolSource *ret, GError **error)
{
    const char *driver = json_member_string(pool->spec, "driver");
    /* Not object_config(): berth itself fills in where it put the pool. */
    const char *given = json_member_string(json_object_get(pool->spec, "config"), "source");
    g_auto(PoolSource) source = {.target = path_pool(dir, pool->id.name)};
    g_autofree char *image = pool_file(dir, pool->id.name, ".img");
    gboolean btrfs = g_strcmp0(driver, "btrfs") == 0;

    if (!btrfs && g_strcmp0(driver, "dir") != 0)
        return error_set(error, ERR_UNSUPPORTED, "driver %s is not supported by this build",
                         driver != NULL ? driver : "(none)");
    if (given != NULL && given[0] != '/')
        return error_set(error, ERR_INVALID, "config.source: \"%s\" is not an absolute path",
                         given);
    if (btrfs && (given == NULL || strcmp(given, image) == 0)) {
        source.backing = BACKING_IMAGE;
        source.path = g_steal_pointer(&image);
    } else {
        source.backing = !btrfs                             ? BACKING_DIRECTORY
                         : g_str_has_prefix(given, "/dev/") ? BACKING_DEVICE
                                                            : BACKING_SUBVOLUME;
        source.path = given != NULL ? g_canonicalize_filename(given, "/") : g_strdup(source.target);
    }
    source.in_place = strcmp(source.path, source.target) == 0;
    *ret = source;
    memset(&source, 0, sizeof(source));
    return TRUE;
}

static gboolean check_folder(const PoolSource *source, GError **error)
{
    struct stat st;

    if (lstat(source->path, &st) < 0 || !S_ISDIR(st.st_mode))
        return error_set(error, ERR_INVALID, "source %s is not a directory", source->path);
    if (!place_is_empty(source->path))
        return error_set(error, ERR_EXISTS,
                         "source %s is not empty; a new pool takes only an empty one",
                         source->path);
    return TRUE;
}

static gboolean check_subvolume(const PoolSource *source, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(source->path);

    if (!file_exists(source->path))
        return btrfs_has(folder) ||
               error_set(error, ERR_INVALID, "source %s: %s is not on a btrfs file system",
                         source->path, folder);
    if (!btrfs_has(source->path))
        return error_set(error, ERR_INVALID, "source %s is not on a btrfs file system",
                         source->path);
    if (!btrfs_is_subvolume(source->path))
        return error_set(error, ERR_INVALID, "source %s is not a btrfs subvolume", source->path);
    return check_folder(source, error);
}

static gboolean check_device(const PoolSource *source, GError **error)
{
    struct stat st;
    /* O_EXCL fails while the device is mounted or belongs to something else. */
    g_auto(Fd) fd = -1;

    if (stat(source->path, &st) < 0)
        return error_errno(error, errno, "source %s", source->path);
    if (!S_ISBLK(st.st_mode))
        return error_set(error, ERR_INVALID, "source %s is not a block device", source->path);
    fd = open(source->path, O_RDONLY | O_EXCL | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "source %s", source->path);
    return TRUE;
}

gboolean pool_source_check(const char *dir, const PoolSource *source, GError **error)
{
    g_autofree char *inside = g_strconcat(dir, "/", NULL);

    if (!source->in_place && source->backing != BACKING_IMAGE &&
        g_str_has_prefix(source->path, inside))
        return error_set(error, ERR_INVALID,
                         "source %s is inside berth's own folder; only %s can be used there",
                         source->path, source->target);
    switch (source->backing) {
    case BACKING_DIRECTORY:
        return (source->in_place && !file_exists(source->path)) || check_folder(source, error);
    case BACKING_SUBVOLUME:
        return check_subvolume(source, error);
    case BACKING_DEVICE:
        return check_device(source, error);
    case BACKING_IMAGE:
        break;
    }
    return !file_exists(source->path) ||
           error_set(error, ERR_EXISTS, "%s is there and is not of this pool", source->path);
}

char *pool_default_size(const char *dir)
{
    g_autofree char *path = g_strdup(dir);
    struct statvfs fs = {0};
    guint64 gigabytes;

    /* The state directory may not exist yet. */
    while (statvfs(path, &fs) < 0 && strcmp(path, "/") != 0) {
        char *parent = g_path_get_dirname(path);

        g_free(path);
        path = parent;
    }
    gigabytes = (guint64)fs.f_blocks * fs.f_frsize / 5 >> 30;
    return g_strdup_printf("%" G_GUINT64_FORMAT "GB",
                           CLAMP(gigabytes, MIN_GIGABYTES, MAX_GIGABYTES));
}
