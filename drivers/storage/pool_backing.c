#include "storage/pool_backing.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "host.h"
#include "json.h"
#include "paths.h"
#include "spawn.h"
#include "storage/btrfs.h"
#include "storage/mark.h"
#include "storage/place.h"
#include "storage/pool_mount.h"
#include "storage/pool_record.h"
#include "units.h"

#define MKFS_TIMEOUT_MS 300000u

const char *const POOL_FOLDERS[] = {
    "containers",       "containers-snapshots",       "custom", "custom-snapshots", "images",
    "virtual-machines", "virtual-machines-snapshots", NULL};

static const char *const kind_names[] = {[BACKING_DIRECTORY] = "directory",
                                         [BACKING_SUBVOLUME] = "subvolume",
                                         [BACKING_IMAGE] = "image",
                                         [BACKING_DEVICE] = "device"};

static gboolean is_kind(const json_t *fact, Backing backing)
{
    return g_strcmp0(json_member_string(fact, "kind"), kind_names[backing]) == 0;
}

json_t *pool_backing_expect(const Object *pool, const PoolSource *source, GError **error)
{
    const char *uuid = object_config(pool, "volatile.uuid");
    const char *size = object_config(pool, "size");
    g_autoptr(json_t) fact =
        json_pack("{s:s, s:s}", "kind", kind_names[source->backing], "$target", source->target);
    gint64 bytes = 0;

    if (source->backing != BACKING_DEVICE)
        json_object_set_new(fact, "path", json_string(source->path));
    if (source->backing == BACKING_DIRECTORY || source->backing == BACKING_SUBVOLUME)
        return g_steal_pointer(&fact);
    if (size != NULL && !units_parse_bytes(size, &bytes, error)) {
        g_prefix_error(error, "config.size: ");
        return NULL;
    }
    json_object_set_new(fact, "uuid", json_string(uuid));
    json_object_set_new(fact, "$label", json_string(pool->id.name));
    if (source->backing == BACKING_IMAGE)
        json_object_set_new(fact, "$size", json_integer(bytes));
    else
        json_object_set_new(fact, "$device", json_string(source->path));
    return g_steal_pointer(&fact);
}

/* Observing */

static json_t *observe_folder(const Object *pool, const PoolSource *source, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) mark = mark_read(source->path, &failure);

    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (mark == NULL) {
        if (file_exists(source->path) && !place_is_empty(source->path))
            error_set(error, ERR_EXISTS, "%s is there, is not empty and is not berth's",
                      source->path);
        return NULL;
    }
    if (g_strcmp0(json_member_string(mark, "pool"), pool->key) != 0) {
        error_set(error, ERR_EXISTS, "%s belongs to something else of berth", source->path);
        return NULL;
    }
    return json_pack("{s:s, s:s}", "kind", kind_names[source->backing], "path", source->path);
}

static json_t *observe_image(const Object *pool, const PoolSource *source, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *uuid = NULL;

    if (!file_exists(source->path))
        return NULL;
    uuid = btrfs_super_uuid(source->path, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (uuid == NULL || g_strcmp0(uuid, object_config(pool, "volatile.uuid")) != 0) {
        error_set(error, ERR_EXISTS, "%s is there and is not of this pool", source->path);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s}", "kind", "image", "path", source->path, "uuid", uuid);
}

static json_t *observe_device(const char *dir, const Object *pool)
{
    g_autofree char *file = pool_file(dir, pool->id.name, ".device");
    g_autofree char *text = NULL;
    g_autoptr(json_t) record = NULL;

    if (!file_read(file, 65536, &text, NULL, NULL))
        return NULL;
    record = json_loads(text, 0, NULL);
    return json_pack("{s:s, s:s*}", "kind", "device", "uuid", json_member_string(record, "uuid"));
}

json_t *pool_backing_observe(const char *dir, const Object *pool, const PoolSource *source,
                             GError **error)
{
    switch (source->backing) {
    case BACKING_DIRECTORY:
    case BACKING_SUBVOLUME:
        return observe_folder(pool, source, error);
    case BACKING_IMAGE:
        return observe_image(pool, source, error);
    case BACKING_DEVICE:
        break;
    }
    return observe_device(dir, pool);
}

/* Directories and subvolumes */

static gboolean folder_is_ours(const char *path, const char *key, json_t **ret_mark, GError **error)
{
    g_autoptr(json_t) mark = mark_read(path, error);

    if (mark == NULL || g_strcmp0(json_member_string(mark, "pool"), key) != 0)
        return FALSE;
    *ret_mark = g_steal_pointer(&mark);
    return TRUE;
}

static gboolean folder_make(const Step *step, const char *path, GError **error)
{
    g_autofree char *staged = path_staged(path, step->tx);
    g_autofree char *above = g_path_get_dirname(path);
    g_autoptr(json_t) mark =
        json_pack("{s:s, s:b, s:s}", "pool", step->key, "made", TRUE, "tx", step->tx);

    if (!place_remove(staged, error) || !place_make_folder(above, 0711, error))
        return FALSE;
    if (is_kind(step->to, BACKING_SUBVOLUME) && !btrfs_subvolume_create(staged, error))
        return FALSE;
    if (file_make_directory(staged, 0711, error) && mark_write(staged, mark, error) &&
        file_rename(staged, path, error))
        return TRUE;
    place_remove(staged, NULL);
    return FALSE;
}

/* Gives the folders that were parked inside a user's directory their names back, or parks them
 * there. `ret_any` (may be NULL) says whether there were any. */
static gboolean folder_shift(const char *path, const char *tx, gboolean park, gboolean *ret_any,
                             GError **error)
{
    gboolean any = FALSE;

    for (guint i = 0; POOL_FOLDERS[i] != NULL; i++) {
        g_autofree char *inside = g_build_filename(path, POOL_FOLDERS[i], NULL);
        g_autofree char *parked = path_parked(inside, tx);

        if (!file_exists(park ? inside : parked))
            continue;
        any = TRUE;
        if (!file_rename(park ? inside : parked, park ? parked : inside, error))
            return FALSE;
    }
    if (ret_any != NULL)
        *ret_any = any;
    return TRUE;
}

static gboolean folder_present(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->to, "path");
    g_autofree char *parked = path_parked(path, step->tx);
    g_autoptr(json_t) mark = NULL;
    g_autoptr(json_t) fresh = NULL;
    gboolean restored = FALSE;
    g_auto(PoolSource) source = {
        .backing = is_kind(step->to, BACKING_SUBVOLUME) ? BACKING_SUBVOLUME : BACKING_DIRECTORY,
        .path = g_strdup(path),
        .target = g_strdup(json_member_string(step->to, "$target"))};

    source.in_place = strcmp(source.path, source.target) == 0;
    if (folder_is_ours(path, step->key, &mark, NULL))
        return folder_shift(path, step->tx, FALSE, NULL, error);
    if (file_exists(parked)) {
        if (file_exists(path) && place_is_empty(path))
            rmdir(path);
        return file_rename(parked, path, error);
    }
    if (!pool_source_check(host->dir, &source, error))
        return FALSE;
    if (!file_exists(path))
        return folder_make(step, path, error);
    if (!folder_shift(path, step->tx, FALSE, &restored, error))
        return FALSE;
    /* Data that came back are older than this transaction: its undo must park them again, not
     * discard them. */
    fresh = json_pack("{s:s, s:b, s:s}", "pool", step->key, "made",
                      source.in_place && source.backing == BACKING_DIRECTORY, "tx",
                      restored ? "" : step->tx);
    return mark_write(path, fresh, error);
}

static gboolean folder_absent(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->from, "path");
    g_autofree char *pool = g_path_get_basename(json_member_string(step->from, "$target"));
    g_autofree char *parked = path_parked(path, step->tx);
    g_autofree char *staged = path_staged(path, step->tx);
    g_autoptr(json_t) mark = NULL;
    gboolean ours, fresh;

    if (!place_remove(staged, error))
        return FALSE;
    ours = folder_is_ours(path, step->key, &mark, NULL);
    if (!ours)
        return TRUE;
    fresh = g_strcmp0(json_member_string(mark, "tx"), step->tx) == 0;
    if (!json_is_true(json_object_get(mark, "made"))) {
        if (!folder_shift(path, step->tx, TRUE, NULL, error) || !mark_remove(path, error))
            return FALSE;
        if (fresh && !pool_backing_purge(host, step, error))
            return FALSE;
    } else if (!(fresh ? place_discard(path, step->tx, error) : file_rename(path, parked, error))) {
        return FALSE;
    }
    if (fresh && !pool_forget(host->dir, pool, error))
        return FALSE;
    place_tidy(host->dir, "storage-pools");
    return TRUE;
}

static gboolean folder_purge(const char *path, const char *tx, GError **error)
{
    g_autofree char *parked = path_parked(path, tx);

    for (guint i = 0; POOL_FOLDERS[i] != NULL; i++) {
        g_autofree char *inside = g_build_filename(path, POOL_FOLDERS[i], NULL);
        g_autofree char *inside_parked = path_parked(inside, tx);

        if (!place_discard(inside_parked, tx, error))
            return FALSE;
    }
    return place_discard(parked, tx, error);
}

/* Image files and devices */

/* Without -f: mkfs itself refuses a device that holds anything it knows. */
static gboolean make_filesystem(const json_t *fact, const char *path, GError **error)
{
    const char *label = json_member_string(fact, "$label");
    const char *argv[] = {"mkfs.btrfs",
                          "--quiet",
                          "--nodiscard",
                          "--label",
                          label,
                          "--uuid",
                          json_member_string(fact, "uuid"),
                          path,
                          NULL};
    /* libblkid trusts what its cache file says of a device for two seconds: of the loop device of
     * the pool that was here before, whose file system had the same UUID. */
    static const char *const env[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
        "BLKID_FILE=/dev/null", NULL};
    const SpawnOptions options = {.env = env, .timeout_ms = MKFS_TIMEOUT_MS, .keep_fd = -1};

    return spawn_run(argv, &options, NULL, error);
}

static gboolean image_make(const Step *step, const char *path, const char *staged, GError **error)
{
    g_autoptr(json_t) mark = json_pack("{s:s, s:s}", "pool", step->key, "tx", step->tx);
    gint64 size = json_integer_value(json_object_get(step->to, "$size"));
    g_autofree char *folder = g_path_get_dirname(path);
    g_auto(Fd) fd = -1;

    if (!place_make_folder(folder, 0700, error) || !file_remove(staged, error))
        return FALSE;
    fd = open(staged, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || ftruncate(fd, size) < 0) {
        error_errno(error, errno, "create %s of %" G_GINT64_FORMAT " bytes", staged, size);
        file_remove(staged, NULL);
        return FALSE;
    }
    if (make_filesystem(step->to, staged, error) && mark_write(staged, mark, error) &&
        file_rename(staged, path, error))
        return TRUE;
    file_remove(staged, NULL);
    return FALSE;
}

/* The mark of an image file or a device's record: which transaction made it. */
static gboolean made_by(const char *path, const char *tx)
{
    g_autoptr(json_t) mark = mark_read(path, NULL);

    return g_strcmp0(json_member_string(mark, "tx"), tx) == 0;
}

static gboolean image_present(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->to, "path");
    const char *uuid = json_member_string(step->to, "uuid");
    g_autofree char *parked = path_parked(path, step->tx);
    g_autofree char *staged = path_staged(path, step->tx);
    g_autofree char *found = file_exists(path) ? btrfs_super_uuid(path, NULL) : NULL;

    if (found != NULL && g_strcmp0(found, uuid) == 0)
        return TRUE;
    if (file_exists(path))
        return error_set(error, ERR_EXISTS, "%s is there and is not of this pool", path);
    if (file_exists(parked))
        return file_rename(parked, path, error);
    return image_make(step, path, staged, error);
}

static gboolean image_absent(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->from, "path");
    const char *uuid = json_member_string(step->from, "uuid");
    g_autofree char *parked = path_parked(path, step->tx);
    g_autofree char *staged = path_staged(path, step->tx);
    g_autofree char *found = file_exists(path) ? btrfs_super_uuid(path, NULL) : NULL;

    if (!file_remove(staged, error))
        return FALSE;
    if (g_strcmp0(found, uuid) == 0) {
        if (!made_by(path, step->tx))
            return file_rename(path, parked, error);
        if (!file_remove(path, error))
            return FALSE;
    }
    if (!file_exists(parked)) {
        g_autofree char *pool = g_path_get_basename(json_member_string(step->from, "$target"));

        return pool_forget(host->dir, pool, error);
    }
    return TRUE;
}

static char *device_record(Host *host, const json_t *fact)
{
    g_autofree char *pool = g_path_get_basename(json_member_string(fact, "$target"));

    return pool_file(host->dir, pool, ".device");
}

static gboolean device_make(const Step *step, const char *record, const char *staged,
                            GError **error)
{
    const char *device = json_member_string(step->to, "$device");
    g_autofree char *folder = g_path_get_dirname(record);
    g_autofree char *found = NULL;
    g_autoptr(json_t) note = json_pack("{s:O, s:s, s:s}", "uuid", json_object_get(step->to, "uuid"),
                                       "device", device, "tx", step->tx);
    g_autofree char *text = json_text(note);

    /* The note comes first, so that an undo knows that what is on the device then is ours. */
    if (!place_make_folder(folder, 0700, error))
        return FALSE;
    if (!file_exists(staged)) {
        found = btrfs_super_uuid(device, NULL);
        if (found != NULL)
            return error_set(error, ERR_EXISTS, "%s holds a btrfs already (UUID %s)", device,
                             found);
        if (!file_write(staged, text, -1, 0600, NULL, error))
            return FALSE;
    }
    if (!make_filesystem(step->to, device, error)) {
        btrfs_super_wipe(device, json_member_string(step->to, "uuid"), NULL);
        file_remove(staged, NULL);
        return FALSE;
    }
    return file_rename(staged, record, error);
}

static gboolean device_present(Host *host, const Step *step, GError **error)
{
    g_autofree char *record = device_record(host, step->to);
    g_autofree char *parked = path_parked(record, step->tx);
    g_autofree char *staged = path_staged(record, step->tx);
    const PoolSource source = {.backing = BACKING_DEVICE,
                               .path = (char *)json_member_string(step->to, "$device"),
                               .target = (char *)json_member_string(step->to, "$target")};

    if (file_exists(record))
        return TRUE;
    if (file_exists(parked))
        return file_rename(parked, record, error);
    return pool_source_check(host->dir, &source, error) && device_make(step, record, staged, error);
}

static gboolean device_absent(Host *host, const Step *step, GError **error)
{
    const char *device = json_member_string(step->from, "$device");
    const char *uuid = json_member_string(step->from, "uuid");
    g_autofree char *record = device_record(host, step->from);
    g_autofree char *parked = path_parked(record, step->tx);
    g_autofree char *staged = path_staged(record, step->tx);
    g_autofree char *text = NULL;
    g_autofree char *pool = g_path_get_basename(json_member_string(step->from, "$target"));
    g_autoptr(json_t) note = NULL;

    if (file_exists(staged) &&
        (!btrfs_super_wipe(device, uuid, error) || !file_remove(staged, error)))
        return FALSE;
    if (file_exists(record)) {
        if (!file_read(record, 65536, &text, NULL, error))
            return FALSE;
        note = json_loads(text, 0, NULL);
        if (g_strcmp0(json_member_string(note, "tx"), step->tx) != 0)
            return file_rename(record, parked, error);
        if (!btrfs_super_wipe(device, uuid, error) || !file_remove(record, error))
            return FALSE;
    }
    return file_exists(parked) || pool_forget(host->dir, pool, error);
}

static gboolean device_purge(Host *host, const Step *step, GError **error)
{
    g_autofree char *record = device_record(host, step->from);
    g_autofree char *parked = path_parked(record, step->tx);

    if (!file_exists(parked))
        return TRUE;
    return btrfs_super_wipe(json_member_string(step->from, "$device"),
                            json_member_string(step->from, "uuid"), error) &&
           file_remove(parked, error);
}

/* All of them */

gboolean pool_backing_ensure(Host *host, const Step *step, GError **error)
{
    gboolean present = step->to != NULL;
    const json_t *fact = present ? step->to : step->from;

    if (step->from != NULL && step->to != NULL)
        return error_set(error, ERR_UNSUPPORTED,
                         "a pool's data cannot move; delete the pool and make it anew");
    if (is_kind(fact, BACKING_IMAGE))
        return present ? image_present(host, step, error) : image_absent(host, step, error);
    if (is_kind(fact, BACKING_DEVICE))
        return present ? device_present(host, step, error) : device_absent(host, step, error);
    return present ? folder_present(host, step, error) : folder_absent(host, step, error);
}

gboolean pool_backing_purge(Host *host, const Step *step, GError **error)
{
    const json_t *fact = step->from;
    g_autofree char *pool = NULL;
    g_autofree char *parked = NULL;
    g_autofree char *target = NULL;

    if (fact == NULL)
        return TRUE;
    if (is_kind(fact, BACKING_DEVICE)) {
        if (!device_purge(host, step, error))
            return FALSE;
    } else if (is_kind(fact, BACKING_IMAGE)) {
        parked = path_parked(json_member_string(fact, "path"), step->tx);
        if (!file_remove(parked, error))
            return FALSE;
    } else if (!folder_purge(json_member_string(fact, "path"), step->tx, error)) {
        return FALSE;
    }
    pool = g_path_get_basename(json_member_string(fact, "$target"));
    target = g_strdup(json_member_string(fact, "$target"));
    /* A new pool of the same name may be there by now. */
    if (pool_state(host->dir, target) == POOL_ABSENT && !pool_forget(host->dir, pool, error))
        return FALSE;
    place_tidy(host->dir, "storage-pools");
    return TRUE;
}
