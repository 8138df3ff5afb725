#include "storage/volume.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "error.h"
#include "file.h"
#include "host.h"
#include "json.h"
#include "paths.h"
#include "storage/btrfs.h"
#include "storage/copy.h"
#include "storage/mark.h"
#include "storage/place.h"
#include "storage/pool_mount.h"
#include "storage/pool_record.h"
#include "units.h"

#define VOLUME_MODE 0700u

/* Pure */

static gboolean is_btrfs(const Object *pool)
{
    return g_strcmp0(json_member_string(pool->spec, "driver"), "btrfs") == 0;
}

static char *volume_path(const Context *context, const Object *pool, const char *kind,
                         const char *disk_name)
{
    g_autofree char *target = path_pool(context->dir, pool->id.name);

    return g_build_filename(target, kind, disk_name, NULL);
}

json_t *volume_expect(const Context *context, const Object *pool, const char *kind, const char *key,
                      const char *disk_name, const char *fingerprint, GError **error)
{
    const char *driver = json_member_string(pool->spec, "driver");
    g_autofree char *path = volume_path(context, pool, kind, disk_name);
    json_t *fact;

    if (!is_btrfs(pool) && g_strcmp0(driver, "dir") != 0) {
        error_set(error, ERR_UNSUPPORTED,
                  "storage pool \"%s\": driver %s is not supported by this build", pool->id.name,
                  driver != NULL ? driver : "(none)");
        return NULL;
    }
    fact = json_pack("{s:s, s:s, s:s}", "driver", driver, "key", key, "path", path);
    if (fingerprint != NULL) {
        g_autofree char *image = path_image_volume(context->dir, pool->id.name, fingerprint);

        json_object_set_new(fact, "image", json_string(fingerprint));
        json_object_set_new(fact, "$image", json_string(image));
    }
    return fact;
}

json_t *quota_expect(const Context *context, const Object *pool, const char *kind,
                     const char *disk_name, const char *size, GError **error)
{
    g_autofree char *path = NULL;
    gint64 bytes = 0;

    if (size == NULL || !is_btrfs(pool))
        return NULL;
    if (!units_parse_bytes(size, &bytes, error) || bytes == 0)
        return NULL;
    path = volume_path(context, pool, kind, disk_name);
    return json_pack("{s:I, s:s}", "bytes", (json_int_t)bytes, "$path", path);
}

const char *volume_default_size(const Object *pool)
{
    return object_config(pool, "volume.size");
}

void quota_remark(json_t *facts, const Object *pool, const char *size, const char *field)
{
    gint64 bytes = 0;

    if (size != NULL && !is_btrfs(pool) && units_parse_bytes(size, &bytes, NULL) && bytes > 0)
        driver_remark(
            facts,
            "%s: %s is kept but not enforced: storage pool %s has driver %s, which cannot "
            "limit sizes here",
            field, size, pool->id.name, json_member_string(pool->spec, "driver"));
}

/* Observing */

static json_t *fact_of_mark(const json_t *mark, const char *driver, const char *path)
{
    return json_pack("{s:s, s:s*, s:s, s:s*}", "driver", driver, "key",
                     json_member_string(mark, "key"), "path", path, "image",
                     json_member_string(mark, "image"));
}

/* What was last known of one that cannot be seen because its pool is not mounted. */
static json_t *recall(Host *host, const char *path, const char *row)
{
    g_autofree char *target = pool_of_volume(path);
    g_autoptr(json_t) record = NULL;

    if (pool_state(host->dir, target) != POOL_INACTIVE)
        return NULL;
    record = pool_record_read(host->dir, path);
    return json_incref(json_object_get(record, row));
}

json_t *volume_observe(Host *host, const char *path, const char *driver, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) mark = mark_read(path, &failure);

    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (mark != NULL && json_object_get(mark, "key") != NULL)
        return fact_of_mark(
            mark, g_strcmp0(driver, "btrfs") != 0 || btrfs_is_subvolume(path) ? driver : "dir",
            path);
    if (mark != NULL || file_exists(path)) {
        error_set(error, ERR_EXISTS, "%s is there and is not a volume of berth", path);
        return NULL;
    }
    return recall(host, path, "volume");
}

json_t *quota_observe(Host *host, const char *path, const char *driver, GError **error)
{
    guint64 bytes = 0;

    if (g_strcmp0(driver, "btrfs") != 0)
        return NULL;
    if (!file_exists(path))
        return recall(host, path, "quota");
    if (!btrfs_is_subvolume(path) || !btrfs_limit_get(path, &bytes, error) || bytes == 0)
        return NULL;
    return json_pack("{s:I}", "bytes", (json_int_t)bytes);
}

/* Building */

static gboolean has_volume(const char *path, const json_t *fact, json_t **ret_mark)
{
    g_autoptr(json_t) mark = mark_read(path, NULL);
    gboolean same =
        mark != NULL && fact != NULL &&
        g_strcmp0(json_member_string(mark, "key"), json_member_string(fact, "key")) == 0 &&
        g_strcmp0(json_member_string(mark, "image"), json_member_string(fact, "image")) == 0;

    if (same && ret_mark != NULL)
        *ret_mark = g_steal_pointer(&mark);
    return same;
}

static gboolean is_same_pool(const char *path, const char *other)
{
    g_autofree char *pool = pool_of_volume(path);
    g_autofree char *other_pool = pool_of_volume(other);

    return strcmp(pool, other_pool) == 0;
}

static gboolean fill(const json_t *fact, const char *staged, GError **error)
{
    const char *image = json_member_string(fact, "$image");
    gboolean btrfs = g_strcmp0(json_member_string(fact, "driver"), "btrfs") == 0;

    if (image != NULL && !file_exists(image))
        return error_set(error, ERR_NOT_FOUND,
                         "%s, which the volume is to be made of, is not there", image);
    if (image != NULL && btrfs && btrfs_is_subvolume(image) && is_same_pool(image, staged))
        return btrfs_snapshot(image, staged, FALSE, error);
    if (btrfs && !btrfs_subvolume_create(staged, error))
        return FALSE;
    if (!file_make_directory(staged, VOLUME_MODE, error))
        return FALSE;
    if (image != NULL)
        return tree_copy(image, staged, MARK_FILE, error);
    {
        g_autofree char *rootfs = g_build_filename(staged, "rootfs", NULL);

        return file_make_directory(rootfs, 0755, error);
    }
}

/* Builds the volume under its staged name. The mark comes last: with it, the volume is complete. */
static gboolean build(const Step *step, const char *staged, GError **error)
{
    g_autoptr(json_t) mark = json_pack("{s:O, s:O*, s:s}", "key", json_object_get(step->to, "key"),
                                       "image", json_object_get(step->to, "image"), "tx", step->tx);

    if (has_volume(staged, step->to, NULL))
        return TRUE;
    if (!place_remove(staged, error))
        return FALSE;
    if (fill(step->to, staged, error) &&
        (chmod(staged, VOLUME_MODE) == 0 ||
         error_errno(error, errno, "set the mode of %s", staged)) &&
        mark_write(staged, mark, error))
        return TRUE;
    place_remove(staged, NULL);
    return FALSE;
}

static gboolean remember(Host *host, const json_t *fact, GError **error)
{
    const char *path = json_member_string(fact, "path");
    g_autoptr(json_t) kept = json_copy((json_t *)fact);

    json_object_del(kept, "$image");
    return pool_record_write(host->dir, path, "volume", kept, error);
}

/* Steps */

/* The present volume, when it is what the step starts from, makes room: what this transaction made
 * goes back to its staged name, older data are parked. */
static gboolean make_room(Host *host, const Step *step, const char *path, GError **error)
{
    g_autofree char *parked = path_parked(path, step->tx);
    g_autofree char *staged = path_staged(path, step->tx);
    g_autoptr(json_t) mark = NULL;

    if (!has_volume(path, step->from, &mark))
        return !file_exists(path) ||
               error_set(error, ERR_EXISTS, "%s is there and is not this volume", path);
    if (g_strcmp0(json_member_string(mark, "tx"), step->tx) != 0)
        return file_rename(path, parked, error);
    return place_remove(staged, error) && file_rename(path, staged, error);
}

static gboolean rename_volume(Host *host, const Step *step, GError **error)
{
    const char *from = json_member_string(step->from, "path");
    const char *to = json_member_string(step->to, "path");
    g_autoptr(json_t) mark = NULL;

    if (file_exists(to) && !has_volume(to, step->from, NULL))
        return error_set(error, ERR_EXISTS, "%s is there and is not this volume", to);
    if (!file_rename(from, to, error))
        return FALSE;
    mark = mark_read(to, error);
    if (mark == NULL)
        return FALSE;
    json_object_set(mark, "key", json_object_get(step->to, "key"));
    pool_record_remove(host->dir, from);
    return mark_write(to, mark, error) && remember(host, step->to, error);
}

static gboolean is_same_content(const json_t *from, const json_t *to)
{
    return g_strcmp0(json_member_string(from, "image"), json_member_string(to, "image")) == 0;
}

/* Whether a change goes to another pool. */
static gboolean goes_elsewhere(const json_t *from, const json_t *to)
{
    const char *before = json_member_string(from, "path"), *after = json_member_string(to, "path");

    return before != NULL && after != NULL && !is_same_pool(before, after);
}

gboolean volume_carries(const json_t *from, const json_t *to)
{
    return goes_elsewhere(from, to) && is_same_content(from, to);
}

static gboolean is_rename(const Step *step)
{
    return step->from != NULL && step->to != NULL &&
           g_strcmp0(json_member_string(step->from, "path"),
                     json_member_string(step->to, "path")) != 0 &&
           !goes_elsewhere(step->from, step->to) && is_same_content(step->from, step->to);
}

/* Makes the new one at its place; of the old one's content, when that is carried over. */
static gboolean make(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->to, "path");
    g_autofree char *staged = path_staged(path, step->tx);
    g_autoptr(json_t) to = json_copy(step->to);
    Step carrying = *step;
    guint64 bytes = 0;

    if (volume_carries(step->from, step->to)) {
        const char *from = json_member_string(step->from, "path");

        json_object_set(to, "$image", json_object_get(step->from, "path"));
        carrying.to = to;
        /* The limit is a fact of its own, which need not change with the pool. */
        if (btrfs_is_subvolume(from) && !btrfs_limit_get(from, &bytes, error))
            return FALSE;
    }
    if (!build(&carrying, staged, error))
        return FALSE;
    if (bytes != 0 && btrfs_is_subvolume(staged) && !btrfs_limit_set(staged, bytes, error))
        return FALSE;
    return file_rename(staged, path, error) && remember(host, step->to, error);
}

/* A volume goes from its place: what this transaction made for good, older data are parked. */
static gboolean leave(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->from, "path");
    g_autofree char *parked = path_parked(path, step->tx);
    g_autofree char *staged = path_staged(path, step->tx);
    g_autoptr(json_t) mark = NULL;

    /* A creation that never ended. */
    if (!place_remove(staged, error))
        return FALSE;
    if (!has_volume(path, step->from, &mark))
        return TRUE;
    pool_record_remove(host->dir, path);
    return g_strcmp0(json_member_string(mark, "tx"), step->tx) == 0
               ? place_discard(path, step->tx, error)
               : file_rename(path, parked, error);
}

static gboolean volume_elsewhere(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->to, "path");
    g_autofree char *parked = path_parked(path, step->tx);

    if (has_volume(path, step->to, NULL)) {
        if (!remember(host, step->to, error))
            return FALSE;
    } else if (file_exists(path)) {
        return error_set(error, ERR_EXISTS, "%s is there and is not this volume", path);
    } else if (has_volume(parked, step->to, NULL)) {
        if (!file_rename(parked, path, error) || !remember(host, step->to, error))
            return FALSE;
    } else if (!make(host, step, error)) {
        return FALSE;
    }
    return leave(host, step, error);
}

static gboolean volume_present(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->to, "path");
    g_autofree char *parked = path_parked(path, step->tx);
    g_autofree char *staged = path_staged(path, step->tx);

    if (goes_elsewhere(step->from, step->to))
        return volume_elsewhere(host, step, error);
    if (has_volume(path, step->to, NULL))
        return remember(host, step->to, error);
    if (is_rename(step))
        return rename_volume(host, step, error);
    if (!make_room(host, step, path, error))
        return FALSE;
    if (has_volume(parked, step->to, NULL))
        return file_rename(parked, path, error) && remember(host, step->to, error);
    return build(step, staged, error) && file_rename(staged, path, error) &&
           remember(host, step->to, error);
}

/* FALSE with an error, or `ret_absent`: the pool itself is gone, and with it whatever the step is
 * about. */
static gboolean reach(Host *host, const json_t *fact, const char *member, gboolean *ret_absent,
                      GError **error)
{
    g_autofree char *target = pool_of_volume(json_member_string(fact, member));
    PoolState state;

    if (!pool_activate(host->dir, target, &state, error))
        return FALSE;
    *ret_absent = state == POOL_ABSENT;
    return TRUE;
}

static gboolean pool_missing(const json_t *fact, const char *member, GError **error)
{
    return error_set(error, ERR_FAILED, "the pool of %s is not there",
                     json_member_string(fact, member));
}

gboolean volume_ensure(Host *host, const Step *step, GError **error)
{
    const json_t *fact = step->to != NULL ? step->to : step->from;
    gboolean absent;

    if (goes_elsewhere(step->from, step->to) && !reach(host, step->from, "path", &absent, error))
        return FALSE;
    if (!reach(host, fact, "path", &absent, error))
        return FALSE;
    if (step->to != NULL)
        return absent ? pool_missing(fact, "path", error) : volume_present(host, step, error);
    return absent || leave(host, step, error);
}

gboolean volume_stage(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->to, "path");
    g_autofree char *staged = path_staged(path, step->tx);
    guint64 bytes = 0;
    gboolean absent;

    if (!reach(host, step->to, "path", &absent, error))
        return FALSE;
    if (absent)
        return pool_missing(step->to, "path", error);
    if (is_rename(step) || has_volume(path, step->to, NULL))
        return TRUE; /* nothing to build */
    /* Its place is free: what comes after it in this band finds it there. */
    if (goes_elsewhere(step->from, step->to))
        return (!file_exists(path) ||
                error_set(error, ERR_EXISTS, "%s is there and is not this volume", path)) &&
               make(host, step, error);
    if (!build(step, staged, error))
        return FALSE;
    /* The limit is a fact of its own, which does not change with the content. */
    if (btrfs_is_subvolume(path) && btrfs_is_subvolume(staged) &&
        (!btrfs_limit_get(path, &bytes, error) ||
         (bytes != 0 && !btrfs_limit_set(staged, bytes, error))))
        return FALSE;
    return TRUE;
}

/* A tree that is copied byte by byte; where extents are shared it takes next to nothing. */
gboolean volume_room(Host *host, const Step *step, GError **error)
{
    const char *image = volume_carries(step->from, step->to)
                            ? json_member_string(step->from, "path")
                            : json_member_string(step->to, "$image");
    g_autofree char *pool = pool_of_volume(json_member_string(step->to, "path"));
    g_autofree char *needed = NULL, *have = NULL;
    guint64 bytes, free;
    struct statfs fs;

    if (image == NULL || is_rename(step) || !file_exists(image) || statfs(pool, &fs) < 0 ||
        fs.f_type == BTRFS_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC)
        return TRUE;
    bytes = tree_bytes(image);
    free = (guint64)fs.f_bavail * (guint64)fs.f_bsize;
    if (bytes <= free)
        return TRUE;
    needed = g_format_size_full(bytes, G_FORMAT_SIZE_IEC_UNITS);
    have = g_format_size_full(free, G_FORMAT_SIZE_IEC_UNITS);
    return error_set(error, ERR_REFUSED,
                     "its new root needs %s, and %s has %s left beside the old one", needed, pool,
                     have);
}

gboolean volume_unstage(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->to, "path");
    g_autofree char *staged = path_staged(path, step->tx);
    g_autoptr(json_t) mark = NULL;
    gboolean absent;

    if (!reach(host, step->to, "path", &absent, error))
        return FALSE;
    if (absent)
        return TRUE;
    if (!place_remove(staged, error))
        return FALSE;
    if (!goes_elsewhere(step->from, step->to) || !has_volume(path, step->to, &mark) ||
        g_strcmp0(json_member_string(mark, "tx"), step->tx) != 0)
        return TRUE;
    pool_record_remove(host->dir, path);
    return place_discard(path, step->tx, error);
}

gboolean volume_purge(Host *host, const Step *step, GError **error)
{
    g_autofree char *parked = NULL;
    gboolean absent;

    if (step->from == NULL)
        return TRUE;
    parked = path_parked(json_member_string(step->from, "path"), step->tx);
    return reach(host, step->from, "path", &absent, error) &&
           (absent || place_discard(parked, step->tx, error));
}

gboolean quota_ensure(Host *host, const Step *step, GError **error)
{
    const json_t *fact = step->to != NULL ? step->to : step->from;
    const char *path = json_member_string(fact, "$path");
    json_int_t bytes = json_integer_value(json_object_get(step->to, "bytes"));
    gboolean absent;

    if (!reach(host, fact, "$path", &absent, error))
        return FALSE;
    if (absent || !file_exists(path))
        return step->to == NULL || error_set(error, ERR_NOT_FOUND, "%s is not there", path);
    if (!btrfs_limit_set(path, (guint64)bytes, error))
        return FALSE;
    return pool_record_write(host->dir, path, "quota", step->to, error);
}
