#include "run.h"

#include <string.h>
#include <unistd.h>

#include "disk_source.h"
#include "error.h"
#include "lxc.h"
#include "mountinfo.h"
#include "paths.h"
#include "record.h"

#define HELPER_TIMEOUT_MS 30000

static gboolean is_on(const json_t *disk, const char *key)
{
    return json_is_true(json_object_get(disk, key));
}

static const char *source_of(const json_t *disk)
{
    return json_member_string(disk, "source");
}

static const char *path_of(const json_t *disk)
{
    return json_member_string(disk, "path");
}

json_t *disks_open(const Run *run, const json_t *disks, GError **error)
{
    g_autoptr(json_t) sources = json_object();
    const char *device;
    json_t *disk;

    json_object_foreach ((json_t *)disks, device, disk) {
        g_auto(DiskSource) source = {0};

        if (!disk_source_open(run, device, disk, &source, error))
            return NULL;
        if (source.path != NULL)
            json_object_set_new(
                sources, device,
                json_pack("{ss sb}", "source", source.path, "directory", source.directory));
    }
    return g_steal_pointer(&sources);
}

void disks_close(const Run *run, const json_t *disks)
{
    const char *device;
    json_t *disk;

    json_object_foreach ((json_t *)disks, device, disk)
        disk_source_close(run, device);
}

json_t *disks_describe(pid_t init, const json_t *disks)
{
    g_autoptr(GPtrArray) mounts = mountinfo_read(init, NULL);
    json_t *described = json_object();
    const char *device;
    json_t *disk;

    json_object_foreach ((json_t *)disks, device, disk) {
        const Mount *mount = mounts != NULL ? mountinfo_at(mounts, path_of(disk)) : NULL;

        if (mount != NULL)
            json_object_set_new(described, device,
                                json_pack("[ss]", mount->origin, mount->propagation));
    }
    return described;
}

static gboolean is_privileged(const json_t *record)
{
    return is_on(json_object_get(record, "facts"), "$privileged");
}

static pid_t init_of(const json_t *record)
{
    return process_find(json_object_get(record, "init"), NULL);
}

static gboolean plug(const Run *run, const json_t *record, const json_t *disk,
                     const DiskSource *source, json_t **ret_made, GError **error)
{
    g_autoptr(json_t) request =
        json_pack("{ss si sb ss ss sb sb sb sb ss*}", "verb", "mount", "pid", (int)init_of(record),
                  "userns", !is_privileged(record), "source", source->path, "path", path_of(disk),
                  "directory", source->directory, "recursive", is_on(disk, "recursive"), "readonly",
                  is_on(disk, "readonly"), "shift", is_on(disk, "shift"), "propagation",
                  json_member_string(disk, "propagation"));
    g_autoptr(json_t) answer = lxc_call(request, run->lock, HELPER_TIMEOUT_MS, error);

    if (answer == NULL)
        return FALSE;
    *ret_made = is_on(answer, "made") ? json_boolean(source->directory) : NULL;
    return TRUE;
}

gboolean disk_plug(const Run *run, const json_t *record, const char *device, const json_t *disk,
                   json_t **ret_made, GError **error)
{
    g_auto(DiskSource) source = {0};
    gboolean plugged;

    *ret_made = NULL;
    if (!disk_source_open(run, device, disk, &source, error))
        return FALSE;
    if (source.path == NULL)
        return TRUE;
    plugged = plug(run, record, disk, &source, ret_made, error);
    disk_source_close(run, device);
    if (!plugged)
        g_prefix_error(error, "device %s: ", device);
    return plugged;
}

/* [origin, propagation] as noted when it was mounted. */
static const json_t *mount_noted(const json_t *record, const char *device)
{
    return json_object_get(json_object_get(record, "mounts"), device);
}

/* Whether what is mounted there is what the record says. */
static const Mount *find_ours(const GPtrArray *mounts, const json_t *record, const char *device,
                              const json_t *disk)
{
    const Mount *mount = mountinfo_at(mounts, path_of(disk));
    const char *origin = json_string_value(json_array_get(mount_noted(record, device), 0));

    return mount != NULL && g_strcmp0(mount->origin, origin) == 0 ? mount : NULL;
}

gboolean disk_unplug(const Run *run, const json_t *record, const char *device, const json_t *disk,
                     GError **error)
{
    pid_t init = init_of(record);
    g_autoptr(GPtrArray) mounts = init > 0 ? mountinfo_read(init, error) : NULL;
    g_autoptr(json_t) request = NULL;
    g_autoptr(json_t) answer = NULL;

    if (init == 0)
        return TRUE;
    if (mounts == NULL)
        return FALSE;
    if (find_ours(mounts, record, device, disk) == NULL) {
        if (mount_noted(record, device) == NULL || mountinfo_at(mounts, path_of(disk)) == NULL)
            return TRUE;
        return error_set(error, ERR_BUSY, "device %s: something else is mounted over %s inside",
                         device, path_of(disk));
    }
    request =
        json_pack("{ss si sb ss sb sb}", "verb", "umount", "pid", (int)init, "userns",
                  !is_privileged(record), "path", path_of(disk), "made",
                  json_object_get(json_object_get(record, "made"), device) != NULL, "directory",
                  !json_is_false(json_object_get(json_object_get(record, "made"), device)));
    answer = lxc_call(request, run->lock, HELPER_TIMEOUT_MS, error);
    if (answer != NULL)
        return TRUE;
    g_prefix_error(error, "device %s: ", device);
    return FALSE;
}

/* liblxc shares the whole tree within the container in the end, so that only a change since then
 * tells anything of propagation. */
static json_t *observe_disk(const Mount *mount, const json_t *noted, const json_t *recorded)
{
    static const char *const kept[] = {"path", "source", "recursive", "shift", "options"};
    const char *then = json_string_value(json_array_get(noted, 1));
    json_t *disk = json_object();

    for (guint i = 0; i < G_N_ELEMENTS(kept); i++) {
        if (json_object_get(recorded, kept[i]) != NULL)
            json_object_set(disk, kept[i], json_object_get(recorded, kept[i]));
    }
    if (mount->readonly)
        json_object_set_new(disk, "readonly", json_true());
    if (g_strcmp0(mount->propagation, then) != 0)
        json_object_set_new(disk, "propagation", json_string(mount->propagation));
    else if (json_object_get(recorded, "propagation") != NULL)
        json_object_set(disk, "propagation", json_object_get(recorded, "propagation"));
    return disk;
}

/* An optional disk whose source is not there is as it should be when it is not mounted (D-DISK-06).
 */
static gboolean is_skipped(const json_t *disk)
{
    return disk != NULL && !is_on(disk, "$required") && access(source_of(disk), F_OK) != 0;
}

json_t *disks_observe(pid_t init, const json_t *record, const json_t *wanted, GError **error)
{
    const json_t *recorded = json_at(record, "facts/disks");
    g_autoptr(GPtrArray) mounts = NULL;
    g_autoptr(json_t) disks = json_object();
    const char *device;
    json_t *disk;

    if (json_object_size(recorded) > 0 && (mounts = mountinfo_read(init, error)) == NULL)
        return NULL;
    json_object_foreach ((json_t *)recorded, device, disk) {
        const Mount *mount = find_ours(mounts, record, device, disk);

        if (mount != NULL)
            json_object_set_new(disks, device,
                                observe_disk(mount, mount_noted(record, device), disk));
    }
    json_object_foreach ((json_t *)wanted, device, disk) {
        json_t *fact;

        if (json_object_get(disks, device) != NULL || !is_skipped(disk))
            continue;
        fact = json_copy(disk);
        json_object_del(fact, "$required");
        json_object_set_new(disks, device, fact);
    }
    return g_steal_pointer(&disks);
}
