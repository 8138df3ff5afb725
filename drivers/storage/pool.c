/* Storage pools (storage.md ST-*, dir and btrfs). Facts, in the order in which they are made:
 *   backing  where the data are (pool_backing.h)
 *   mount    the pool's file system or directory at STATE/storage-pools/POOL (pool_mount.h); none
 * when it is there already layout   {"folders": [...], "$path": ...}: the folders for each sort of
 * volume */
#include "host.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "error.h"
#include "file.h"
#include "json.h"
#include "storage/loop.h"
#include "storage/mark.h"
#include "storage/place.h"
#include "storage/pool_backing.h"
#include "storage/pool_mount.h"
#include "storage/volume.h"

extern const Driver POOL_DRIVER;

#define FOLDER_MODE 0711u

static gboolean driver_is_usable(const Context *context, const Object *pool, GError **error)
{
    const char *driver = json_member_string(pool->spec, "driver");
    const json_t *usable = host_fact(context->host, "storage_drivers");
    json_t *name;
    gsize i;

    if (usable == NULL)
        return TRUE; /* a host that does not tell, such as the fake one */
    json_array_foreach (usable, i, name)
        if (g_strcmp0(json_string_value(name), driver) == 0)
            return TRUE;
    return error_set(error, ERR_UNSUPPORTED, "driver %s cannot be used on this host (ST-001)",
                     driver);
}

/* Keys that a sort of pool has no use for are told, not dropped (LAW-6). */
static gboolean check_keys(const Object *pool, const PoolSource *source, GError **error)
{
    const json_t *config = json_object_get(pool->spec, "config");

    if (source->backing != BACKING_IMAGE && json_object_get(config, "size") != NULL)
        return error_set(error, ERR_INVALID,
                         "config.size: only a pool on a loop file of its own, without `source`, "
                         "has a size");
    if ((source->backing == BACKING_DIRECTORY || source->backing == BACKING_SUBVOLUME) &&
        json_object_get(config, "btrfs.mount_options") != NULL)
        return error_set(error, ERR_INVALID,
                         "config.btrfs.mount_options: a pool inside %s is not mounted by berth, "
                         "options do not apply",
                         source->path);
    return TRUE;
}

static gboolean pool_resolve(Host *host, const Context *context, const Object *pool,
                             json_t *generated, GError **error)
{
    g_auto(PoolSource) source = {0};
    g_autoptr(json_t) backing = NULL;
    g_autoptr(GError) failure = NULL;

    if (!pool_source_read(host->dir, pool, &source, error))
        return FALSE;
    if (source.backing == BACKING_IMAGE && object_config(pool, "size") == NULL &&
        json_object_get(generated, "size") == NULL) {
        g_autofree char *size = pool_default_size(host->dir);

        json_object_set_new(generated, "size", json_string(size));
    }
    backing = pool_backing_observe(host->dir, pool, &source, &failure);
    if (backing == NULL && failure == NULL)
        pool_source_check(host->dir, &source, &failure);
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static void draw_uuid(const Context *context, const Object *pool, json_t *generated)
{
    g_autofree char *label = g_strconcat(pool->key, "/uuid", NULL);
    guint8 b[16];
    char text[37];

    draw_bytes(context, label, 0, b, sizeof(b));
    b[6] = (guint8)((b[6] & 0x0f) | 0x40); /* RFC 4122: version 4, variant 1 */
    b[8] = (guint8)((b[8] & 0x3f) | 0x80);
    g_snprintf(text, sizeof(text),
               "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
               b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
               b[15]);
    json_object_set_new(generated, "volatile.uuid", json_string(text));
}

static gboolean pool_prepare(const Context *context, const Object *pool, json_t *generated,
                             GError **error)
{
    g_auto(PoolSource) source = {0};

    if (!pool_source_read(context->dir, pool, &source, error))
        return FALSE;
    if ((source.backing == BACKING_IMAGE || source.backing == BACKING_DEVICE) &&
        json_object_get(generated, "volatile.uuid") == NULL)
        draw_uuid(context, pool, generated);
    /* What the driver filled in is shown as LXD shows it (ST-017, ST-013). */
    if (json_object_get(generated, "source") == NULL)
        json_object_set_new(generated, "source", json_string(source.path));
    if (json_object_get(generated, "volatile.initial_source") == NULL)
        json_object_set_new(generated, "volatile.initial_source", json_string(source.path));
    return TRUE;
}

static json_t *pool_expect(const Context *context, const Object *pool, const json_t *observed,
                           GError **error)
{
    g_autoptr(json_t) facts = json_object();
    g_autoptr(json_t) folders = json_array();
    g_auto(PoolSource) source = {0};
    json_t *backing, *mount;

    if (!driver_is_usable(context, pool, error) ||
        !pool_source_read(context->dir, pool, &source, error) || !check_keys(pool, &source, error))
        return NULL;
    backing = pool_backing_expect(pool, &source, error);
    if (backing == NULL)
        return NULL;
    json_object_set_new(facts, "backing", backing);
    mount = pool_mount_expect(pool, &source);
    if (mount != NULL)
        json_object_set_new(facts, "mount", mount);
    for (guint i = 0; POOL_FOLDERS[i] != NULL; i++)
        json_array_append_new(folders, json_string(POOL_FOLDERS[i]));
    json_object_set_new(facts, "layout",
                        json_pack("{s:O, s:s}", "folders", folders, "$path", source.target));
    quota_remark(facts, pool, volume_default_size(pool), "config.volume.size");
    return g_steal_pointer(&facts);
}

static json_t *observe_layout(const char *path)
{
    g_autoptr(json_t) folders = json_array();

    for (guint i = 0; POOL_FOLDERS[i] != NULL; i++) {
        g_autofree char *folder = g_build_filename(path, POOL_FOLDERS[i], NULL);

        if (file_exists(folder))
            json_array_append_new(folders, json_string(POOL_FOLDERS[i]));
    }
    return json_array_size(folders) > 0 ? json_pack("{s:O}", "folders", folders) : NULL;
}

static json_t *pool_observe(Host *host, const Context *context, const Object *pool, GError **error)
{
    g_autoptr(json_t) facts = json_object();
    g_auto(PoolSource) source = {0};
    g_autoptr(json_t) wanted = NULL;
    g_autoptr(GError) failure = NULL;
    json_t *backing, *mount, *layout;

    if (!pool_source_read(host->dir, pool, &source, error))
        return NULL;
    backing = pool_backing_observe(host->dir, pool, &source, &failure);
    if (backing != NULL)
        json_object_set_new(facts, "backing", backing);
    wanted = failure == NULL ? pool_mount_expect(pool, &source) : NULL;
    mount = wanted != NULL ? pool_mount_observe(host->dir, wanted, &failure) : NULL;
    if (mount != NULL)
        json_object_set_new(facts, "mount", mount);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    layout = source.in_place || mount != NULL ? observe_layout(source.target) : NULL;
    if (layout != NULL)
        json_object_set_new(facts, "layout", layout);
    return g_steal_pointer(&facts);
}

/* The pool's own mark is what tells a mounted pool from its empty mount point. */
static gboolean layout_present(const Step *step, const char *path, GError **error)
{
    g_autoptr(json_t) mark = mark_read(path, NULL);
    json_t *name;
    gsize i;

    if (mark == NULL) {
        mark = json_pack("{s:s}", "pool", step->key);
        if (!mark_write(path, mark, error))
            return FALSE;
        if (chmod(path, FOLDER_MODE) < 0)
            return error_errno(error, errno, "set the mode of %s", path);
    }
    json_array_foreach (json_object_get(step->to, "folders"), i, name) {
        g_autofree char *folder = g_build_filename(path, json_string_value(name), NULL);

        if (!file_make_directory(folder, FOLDER_MODE, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean layout_ensure(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->to != NULL ? step->to : step->from, "$path");
    PoolState state;
    json_t *name;
    gsize i;

    if (step->to != NULL) {
        if (!pool_activate(host->dir, path, &state, error))
            return FALSE;
        return state == POOL_ACTIVE
                   ? layout_present(step, path, error)
                   : error_set(error, ERR_FAILED, "the pool at %s is not there", path);
    }
    /* Empty folders in a pool that is not mounted harm nobody; mounting it for them may. */
    if (pool_state(host->dir, path) != POOL_ACTIVE)
        return TRUE;
    json_array_foreach (json_object_get(step->from, "folders"), i, name) {
        g_autofree char *folder = g_build_filename(path, json_string_value(name), NULL);

        /* One that holds something, parked data for example, goes with the backing. */
        if (rmdir(folder) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
            return error_errno(error, errno, "remove %s", folder);
    }
    return TRUE;
}

static gboolean file_holds(const char *path, const char *part)
{
    g_autofree char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) && strstr(text, part) != NULL;
}

/* The list of modules is long, and every plan asks: it is read when it is another one. */
static gboolean has_btrfs_module(const char *list)
{
    static GMutex mutex;
    static struct timespec read_at;
    static gboolean has;
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);
    struct stat st;

    if (stat(list, &st) < 0)
        return FALSE;
    if (st.st_mtim.tv_sec != read_at.tv_sec || st.st_mtim.tv_nsec != read_at.tv_nsec) {
        has = file_holds(list, "/btrfs.ko");
        read_at = st.st_mtim;
    }
    return has;
}

/* Its module counts although it is not loaded: the first mount loads it. */
static gboolean kernel_has_btrfs(void)
{
    struct utsname kernel;
    g_autofree char *modules = NULL;

    if (file_holds("/proc/filesystems", "\tbtrfs\n"))
        return TRUE;
    if (uname(&kernel) < 0)
        return FALSE;
    modules = g_build_filename("/lib/modules", kernel.release, "modules.dep", NULL);
    return has_btrfs_module(modules);
}

static json_t *look_drivers(GError **error)
{
    json_t *drivers = json_array();
    g_autofree char *mkfs = g_find_program_in_path("mkfs.btrfs");

    if (kernel_has_btrfs() && (mkfs != NULL || access("/usr/sbin/mkfs.btrfs", X_OK) == 0 ||
                               access("/sbin/mkfs.btrfs", X_OK) == 0))
        json_array_append_new(drivers, json_string("btrfs"));
    json_array_append_new(drivers, json_string("dir"));
    return drivers;
}

static const HostFact POOL_HOST_FACTS[] = {{"storage_drivers", look_drivers}, {NULL, NULL}};

static json_t *pool_watch(const Context *context, const Object *pool)
{
    g_auto(PoolSource) source = {0};
    json_t *watched = json_object();

    if (!pool_source_read(context->dir, pool, &source, NULL))
        return watched;
    watch_on(watched, WATCH_PATH, source.target);
    if (source.backing != BACKING_DEVICE && !source.in_place)
        watch_on(watched, WATCH_PATH, source.path);
    if (!source.in_place)
        watch_on(watched, WATCH_MOUNT, source.target);
    for (guint i = 0; POOL_FOLDERS[i] != NULL; i++) {
        g_autofree char *folder = g_build_filename(source.target, POOL_FOLDERS[i], NULL);

        watch_on(watched, WATCH_PATH, folder);
    }
    return watched;
}

static const FactRow pool_rows[] = {
    {.path = "backing",
     .name = "pool.backing",
     .lives_in = LIVES_DISK,
     .step_class = CLASS_COPY,
     .add = BAND_ADDITIVE,
     .change = BAND_DISRUPTIVE,
     .remove = BAND_DISRUPTIVE,
     .label = LABEL_REPLACE,
     .ensure = pool_backing_ensure,
     .purge = pool_backing_purge,
     .summary = "make or park the place of the pool's data",
     .data = TRUE},
    {.path = "mount",
     .name = "pool.mount",
     .lives_in = LIVES_KERNEL,
     .step_class = CLASS_LIGHT,
     .add = BAND_ADDITIVE,
     .change = BAND_ADDITIVE,
     .remove = BAND_DISRUPTIVE,
     .label = LABEL_LIVE,
     .ensure = pool_mount_ensure,
     .summary = "mount the pool"},
    {.path = "layout",
     .name = "pool.layout",
     .lives_in = LIVES_DISK,
     .step_class = CLASS_LIGHT,
     .add = BAND_ADDITIVE,
     .change = BAND_ADDITIVE,
     .remove = BAND_DISRUPTIVE,
     .label = LABEL_LIVE,
     .ensure = layout_ensure,
     .summary = "make the pool's folders"},
    {0},
};

const Driver POOL_DRIVER = {
    .kind = KIND_POOL,
    .rows = pool_rows,
    .resolve = pool_resolve,
    .prepare = pool_prepare,
    .expect = pool_expect,
    .observe = pool_observe,
    .host_facts = POOL_HOST_FACTS,
    .watch = pool_watch,
};
