#include "storage/pool_mount.h"

#include <fcntl.h>
#include <gio/gunixmounts.h>
#include <linux/btrfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "host.h"
#include "json.h"
#include "mount_options.h"
#include "storage/btrfs.h"
#include "storage/loop.h"
#include "storage/mark.h"
#include "storage/place.h"

#define UMOUNT_TRIES 50u
#define UMOUNT_PAUSE_US 20000u
#define DESCRIPTION_MAX 65536u

gboolean pool_is_mounted(const char *path)
{
    struct statx stx;

    return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &stx) == 0 &&
           (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* What pool_mount_ensure() mounted last, or means to mount. */
static json_t *read_description(const char *dir, const char *target)
{
    g_autofree char *pool = g_path_get_basename(target);
    g_autofree char *file = pool_file(dir, pool, ".pool");
    g_autofree char *text = NULL;

    return file_read(file, DESCRIPTION_MAX, &text, NULL, NULL) ? json_loads(text, 0, NULL) : NULL;
}

/* Facts */

json_t *pool_mount_expect(const Object *pool, const PoolSource *source)
{
    const char *options = object_config_or_default(pool, "btrfs.mount_options");

    if (source->in_place)
        return NULL;
    if (source->backing == BACKING_DIRECTORY || source->backing == BACKING_SUBVOLUME)
        return json_pack("{s:s, s:s, s:s}", "filesystem", "bind", "source", source->path, "$path",
                         source->target);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "filesystem", "btrfs", "uuid",
                     object_config(pool, "volatile.uuid"), "options",
                     options != NULL ? options : "user_subvol_rm_allowed", "$kind",
                     source->backing == BACKING_IMAGE ? "image" : "device", "$source", source->path,
                     "$path", source->target);
}

/* Each option that was asked for is in the kernel's list, as it is or with a value that the kernel
 * chose. */
static gboolean options_hold(const char *wanted, const char *present)
{
    g_auto(GStrv) parts = g_strsplit(wanted, ",", -1);
    g_autofree char *list = g_strdup_printf(",%s,", present);

    for (char **part = parts; *part != NULL; part++) {
        g_autofree char *exact = g_strdup_printf(",%s,", *part);
        g_autofree char *valued = g_strdup_printf(",%s=", *part);
        g_autofree char *levelled = g_strdup_printf(",%s:", *part);

        /* These leave nothing behind in the list. */
        if (**part == '\0' || strcmp(*part, "defaults") == 0 || strcmp(*part, "strictatime") == 0)
            continue;
        if (strstr(list, exact) == NULL && strstr(list, valued) == NULL &&
            strstr(list, levelled) == NULL)
            return FALSE;
    }
    return TRUE;
}

static char *noted_options(const char *dir, const char *target)
{
    g_autoptr(json_t) description = read_description(dir, target);

    return g_strdup(json_member_string(description, "options"));
}

static char *kernel_options(const char *target)
{
    g_autoptr(GUnixMountEntry) entry = g_unix_mount_at(target, NULL);

    return g_strdup(entry != NULL ? g_unix_mount_get_options(entry) : "");
}

/* The options in force, in the words of who set them: our note of the last mount if the kernel
 * agrees with it, else what is wanted if the kernel shows that, else what the kernel shows. */
static char *observe_options(const char *dir, const char *target, const char *wanted)
{
    g_autofree char *noted = noted_options(dir, target);
    g_autofree char *present = kernel_options(target);

    if (noted != NULL && options_hold(noted, present))
        return g_steal_pointer(&noted);
    return g_strdup(options_hold(wanted, present) ? wanted : present);
}

static json_t *observe_bind(const char *path, const char *source)
{
    struct stat at, from;
    gboolean same = stat(path, &at) == 0 && stat(source, &from) == 0 && at.st_dev == from.st_dev &&
                    at.st_ino == from.st_ino;

    return json_pack("{s:s, s:s}", "filesystem", "bind", "source", same ? source : "?");
}

json_t *pool_mount_observe(const char *dir, const json_t *wanted, GError **error)
{
    const char *path = json_member_string(wanted, "$path");
    const char *source = json_member_string(wanted, "source");
    g_autofree char *uuid = NULL;
    g_autofree char *options = NULL;

    if (wanted == NULL || !pool_is_mounted(path))
        return NULL;
    if (source != NULL)
        return observe_bind(path, source);
    if (!btrfs_has(path))
        return json_pack("{s:s}", "filesystem", "?");
    uuid = btrfs_mounted_uuid(path, error);
    if (uuid == NULL)
        return NULL;
    options = observe_options(dir, path, json_member_string(wanted, "options"));
    return json_pack("{s:s, s:s, s:s}", "filesystem", "btrfs", "uuid", uuid, "options", options);
}

/* Mounting */

/* The device that holds the file system: the one that was named when the pool was made, or wherever
 * it is now. */
static char *find_device(const char *named, const char *uuid, GError **error)
{
    g_autofree char *found = btrfs_super_uuid(named, NULL);
    g_autoptr(GDir) folder = NULL;
    const char *name;

    if (g_strcmp0(found, uuid) == 0)
        return g_strdup(named);
    folder = g_dir_open("/sys/class/block", 0, NULL);
    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename("/dev", name, NULL);
        g_autofree char *other = btrfs_super_uuid(path, NULL);

        if (g_strcmp0(other, uuid) == 0)
            return g_steal_pointer(&path);
    }
    error_set(error, ERR_NOT_FOUND, "no device holds the btrfs with UUID %s (it was %s)", uuid,
              named);
    return NULL;
}

static gboolean mount_btrfs(const json_t *fact, const char *path, GError **error)
{
    const char *source = json_member_string(fact, "$source");
    g_autoptr(GString) data = g_string_new(NULL);
    unsigned long flags = mount_options_split(json_member_string(fact, "options"), data);
    g_autofree char *device = NULL;
    g_auto(Fd) loop = -1;

    if (g_strcmp0(json_member_string(fact, "$kind"), "image") == 0) {
        loop = loop_attach(source, &device, error);
        if (loop < 0)
            return FALSE;
    } else {
        device = find_device(source, json_member_string(fact, "uuid"), error);
        if (device == NULL)
            return FALSE;
    }
    if (mount(device, path, "btrfs", flags, data->str) < 0)
        return error_errno(error, errno, "mount %s at %s with options \"%s\"", source, path,
                           json_member_string(fact, "options"));
    return TRUE;
}

static gboolean mount_fact(const json_t *fact, const char *path, GError **error)
{
    const char *source = json_member_string(fact, "source");
    g_autofree char *pools = g_path_get_dirname(path);

    if (!place_make_folder(pools, 0711, error) || !place_make_folder(path, 0711, error))
        return FALSE;
    if (source == NULL)
        return mount_btrfs(fact, path, error);
    if (mount(source, path, NULL, MS_BIND, NULL) < 0)
        return error_errno(error, errno, "mount %s at %s", source, path);
    return TRUE;
}

static gboolean is_same(const json_t *fact, const char *path)
{
    const char *source = json_member_string(fact, "source");
    g_autofree char *uuid = NULL;

    if (source != NULL) {
        g_autoptr(json_t) present = observe_bind(path, source);

        return g_strcmp0(json_member_string(present, "source"), source) == 0;
    }
    uuid = btrfs_has(path) ? btrfs_mounted_uuid(path, NULL) : NULL;
    return g_strcmp0(uuid, json_member_string(fact, "uuid")) == 0;
}

static gboolean remount(const char *dir, const json_t *fact, const char *path, GError **error)
{
    g_autoptr(GString) data = g_string_new(NULL);
    const char *options = json_member_string(fact, "options");
    g_autofree char *present = options != NULL ? observe_options(dir, path, options) : NULL;
    unsigned long flags;

    if (g_strcmp0(present, options) == 0)
        return TRUE;
    flags = mount_options_split(options, data);
    if (mount(NULL, path, NULL, MS_REMOUNT | flags, data->str) < 0)
        return error_errno(error, errno, "remount %s with options \"%s\"", path, options);
    return TRUE;
}

/* The kernel remembers every device that it has seen a btrfs on. A pool that is made anew has the
 * same UUID as the one before, and would be taken for an old copy of it. */
static void forget_device(const char *device)
{
    struct btrfs_ioctl_vol_args args = {0};
    g_auto(Fd) control = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);

    g_strlcpy(args.name, device, sizeof(args.name));
    /* Not known any more, or a kernel without this call: nothing is lost. */
    if (control < 0 || ioctl(control, BTRFS_IOC_FORGET_DEV, &args) < 0)
        return;
}

/* The loop device goes with its last user, and programs that look at every new device are users for
 * a moment. Until then the file system can be seen, and mkfs refuses to make it anew (its UUID is
 * the same). Who holds it for longer is waited for no more: nothing of ours uses it. */
static void await_loop(const char *device, const char *backing)
{
    for (guint i = 0; i < UMOUNT_TRIES; i++) {
        g_autofree char *now = loop_backing(device);

        if (g_strcmp0(now, backing) != 0)
            return;
        g_usleep(UMOUNT_PAUSE_US);
    }
}

static gboolean unmount(const char *path, gboolean btrfs, GError **error)
{
    g_autoptr(GUnixMountEntry) entry = btrfs ? g_unix_mount_at(path, NULL) : NULL;
    const char *device = entry != NULL ? g_unix_mount_get_device_path(entry) : NULL;
    g_autofree char *backing = device != NULL ? loop_backing(device) : NULL;

    for (guint i = 0; umount2(path, UMOUNT_NOFOLLOW) < 0; i++) {
        if (errno == EINVAL || errno == ENOENT)
            break;
        /* Programs that look at every new device hold it for a moment. */
        if (errno != EBUSY || i >= UMOUNT_TRIES)
            return error_errno(error, errno, "unmount %s", path);
        g_usleep(UMOUNT_PAUSE_US);
    }
    if (backing != NULL)
        await_loop(device, backing);
    if (device != NULL)
        forget_device(device);
    if (rmdir(path) < 0 && errno != ENOENT)
        return error_errno(error, errno, "remove the mount point %s", path);
    return TRUE;
}

static gboolean write_description(const char *dir, const char *pool, const json_t *fact,
                                  GError **error)
{
    g_autofree char *file = pool_file(dir, pool, ".pool");
    g_autofree char *folder = g_path_get_dirname(file);
    g_autofree char *text = json_text(fact);

    return place_make_folder(folder, 0700, error) && file_write(file, text, -1, 0600, NULL, error);
}

static gboolean mount_new(const char *dir, const char *pool, const char *path, const json_t *to,
                          GError **error)
{
    g_autofree char *file = pool_file(dir, pool, ".pool");
    gboolean known = file_exists(file);

    if (!write_description(dir, pool, to, error))
        return FALSE;
    if (mount_fact(to, path, error))
        return TRUE;
    /* Nothing is left of a try: neither the mount point nor a note that would make the pool look
     * like one that waits. */
    if (!known)
        file_remove(file, NULL);
    if (rmdir(path) == 0)
        place_tidy(dir, "storage-pools");
    return FALSE;
}

/* One at a time: two volumes of one pool may both find it inactive. */
static GMutex mount_lock;

static gboolean mount_locked(const char *dir, const json_t *to, GError **error)
{
    const char *path = json_member_string(to, "$path");
    g_autofree char *pool = g_path_get_basename(path);

    if (!pool_is_mounted(path))
        return mount_new(dir, pool, path, to, error);
    if (!is_same(to, path))
        return error_set(error, ERR_EXISTS, "something else is mounted at %s", path);
    return remount(dir, to, path, error) && write_description(dir, pool, to, error);
}

gboolean pool_mount_ensure(Host *host, const Step *step, GError **error)
{
    const char *path = json_member_string(step->to != NULL ? step->to : step->from, "$path");
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&mount_lock);

    if (step->to != NULL)
        return mount_locked(host->dir, step->to, error);
    if (pool_is_mounted(path) && !is_same(step->from, path))
        return TRUE; /* ours is not there */
    if (!unmount(path, json_object_get(step->from, "uuid") != NULL, error))
        return FALSE;
    place_tidy(host->dir, "storage-pools");
    return TRUE;
}

/* Pools that a reboot unmounted */

/* Whether what a description mounts is there, and not parked. */
static gboolean has_backing(const char *dir, const char *target, const json_t *fact)
{
    const char *source = json_member_string(fact, "source");
    g_autofree char *pool = g_path_get_basename(target);
    g_autofree char *file = NULL;

    if (source != NULL) {
        g_autoptr(json_t) mark = mark_read(source, NULL);

        return mark != NULL;
    }
    file = pool_file(
        dir, pool, g_strcmp0(json_member_string(fact, "$kind"), "image") == 0 ? ".img" : ".device");
    return file_exists(file);
}

PoolState pool_state(const char *dir, const char *target)
{
    g_autoptr(json_t) mark = mark_read(target, NULL);
    g_autoptr(json_t) fact = NULL;

    if (mark != NULL)
        return POOL_ACTIVE;
    fact = read_description(dir, target);
    /* Between mount and mark a pool is mounted, but has nothing in it yet. */
    if (fact == NULL || !has_backing(dir, target, fact))
        return POOL_ABSENT;
    return pool_is_mounted(target) && is_same(fact, target) ? POOL_ACTIVE : POOL_INACTIVE;
}

gboolean pool_activate(const char *dir, const char *target, PoolState *ret_state, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&mount_lock);
    PoolState state = pool_state(dir, target);
    g_autoptr(json_t) fact = NULL;

    if (state == POOL_INACTIVE) {
        fact = read_description(dir, target);
        if (!mount_locked(dir, fact, error))
            return FALSE;
        state = POOL_ACTIVE;
    }
    *ret_state = state;
    return TRUE;
}
