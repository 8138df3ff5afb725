#include "disk_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "mount_options.h"
#include "paths.h"

static gboolean is_on(const json_t *disk, const char *key)
{
    return json_is_true(json_object_get(disk, key));
}

/* devices/NAME/DEVICE */
static char *place_of(const Run *run, const char *device)
{
    g_autofree char *folder = path_devices(run->dir, run->name);
    g_autofree char *plain = g_strdelimit(g_strdup(device), "/", '-');

    return g_build_filename(folder, plain, NULL);
}

/* ---- the source itself ---- */

/* PJ-160: what is below a path that the project may use, whatever links are in there. */
static int open_within(const char *within, const char *source, GError **error)
{
    g_autofree char *clean = g_canonicalize_filename(source, "/");
    const char *rest = clean + strlen(within);
    g_auto(Fd) root = open(within, O_PATH | O_CLOEXEC);
    int fd;

    rest += strspn(rest, "/");
    if (root < 0)
        return -1;
    if (*rest == '\0')
        return fd_steal(&root);
    fd = file_open_beneath(root, rest, O_PATH, 0, NULL);
    if (fd < 0 && errno == EXDEV)
        error_set(error, ERR_REFUSED,
                  "source %s leads out of %s by a link, and the project has no other "
                  "(restricted.devices.disk.paths)",
                  source, within);
    return fd;
}

/* `ret_fd` is -1 when it is not there and not required. */
static gboolean open_source(const char *device, const json_t *disk, int *ret_fd, GError **error)
{
    const char *source = json_member_string(disk, "source");
    const char *within = json_member_string(disk, "$within");
    g_autoptr(GError) failure = NULL;

    *ret_fd =
        within != NULL ? open_within(within, source, &failure) : open(source, O_PATH | O_CLOEXEC);
    if (*ret_fd >= 0 || (failure == NULL && !is_on(disk, "$required")))
        return TRUE;
    if (failure == NULL)
        return error_errno(error, errno, "device %s: source %s", device, source);
    g_propagate_prefixed_error(error, g_steal_pointer(&failure), "device %s: ", device);
    return FALSE;
}

/* ---- mounting it ---- */

/* The kernel's own trial of each file system that it knows, as mount(8) does. */
static gboolean mount_block(const char *source, const char *target, const json_t *disk,
                            GError **error)
{
    const char *options = json_member_string(disk, "options");
    g_autoptr(GString) data = g_string_new(NULL);
    unsigned long flags = mount_options_split(options != NULL ? options : "", data) |
                          (is_on(disk, "readonly") ? MS_RDONLY : 0);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    int reason = EINVAL;

    if (!file_make_directory(target, 0700, error) ||
        !file_read("/proc/filesystems", 1u << 16, &text, NULL, error))
        return FALSE;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (**line != '\t')
            continue;
        if (mount(source, target, *line + 1, flags, data->str) == 0)
            return TRUE;
        if (errno != EINVAL)
            reason = errno;
    }
    return error_errno(error, reason, "no file system on %s can be mounted%s%s",
                       json_member_string(disk, "source"),
                       options != NULL ? " with raw.mount.options " : "",
                       options != NULL ? options : "");
}

static gboolean make_place(const char *target, gboolean directory, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(target);
    g_auto(Fd) fd = -1;

    if (directory)
        return file_make_directory(target, 0700, error);
    if (!file_make_directory(folder, 0700, error))
        return FALSE;
    fd = open(target, O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd >= 0 || error_errno(error, errno, "make %s", target);
}

/* Options of a mount of what is mounted already are those of the mount alone. */
static gboolean set_options(const char *target, const json_t *disk, GError **error)
{
    const char *options = json_member_string(disk, "options");
    g_autoptr(GString) others = g_string_new(NULL);
    unsigned long flags = mount_options_split(options != NULL ? options : "", others);
    struct mount_attr attributes;

    if (!mount_options_attributes(flags, &attributes) || others->len > 0)
        return error_set(error, ERR_INVALID,
                         "raw.mount.options %s: source %s is no block device, so that only ro, "
                         "nosuid, nodev, noexec, noatime, nodiratime, relatime and strictatime can "
                         "be set",
                         options, json_member_string(disk, "source"));
    return mount_setattr(AT_FDCWD, target, is_on(disk, "recursive") ? AT_RECURSIVE : 0, &attributes,
                         sizeof attributes) == 0 ||
           error_errno(error, errno, "raw.mount.options %s", options);
}

static gboolean mount_bound(const char *source, const char *target, const json_t *disk,
                            gboolean directory, GError **error)
{
    unsigned long flags = MS_BIND | (is_on(disk, "recursive") ? MS_REC : 0);

    if (!make_place(target, directory, error))
        return FALSE;
    if (mount(source, target, NULL, flags, NULL) != 0)
        return error_errno(error, errno, "source %s cannot be mounted",
                           json_member_string(disk, "source"));
    return set_options(target, disk, error);
}

gboolean disk_source_open(const Run *run, const char *device, const json_t *disk, DiskSource *ret,
                          GError **error)
{
    g_auto(Fd) fd = -1;
    g_autofree char *opened = NULL;
    g_autofree char *place = place_of(run, device);
    gboolean confined = json_object_get(disk, "$within") != NULL, mounted;
    struct stat status;

    if (!open_source(device, disk, &fd, error))
        return FALSE;
    if (fd < 0)
        return TRUE;
    opened = g_strdup_printf("/proc/self/fd/%d", fd);
    if (fstat(fd, &status) != 0)
        return error_errno(error, errno, "device %s", device);
    ret->directory = S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode);
    if (S_ISBLK(status.st_mode)) {
        mounted =
            mount_block(confined ? opened : json_member_string(disk, "source"), place, disk, error);
    } else if (confined || json_object_get(disk, "options") != NULL) {
        mounted = mount_bound(opened, place, disk, ret->directory, error);
    } else {
        ret->path = g_strdup(json_member_string(disk, "source"));
        return TRUE;
    }
    if (mounted) {
        ret->path = g_steal_pointer(&place);
        return TRUE;
    }
    disk_source_close(run, device);
    g_prefix_error(error, "device %s: ", device);
    return FALSE;
}

void disk_source_close(const Run *run, const char *device)
{
    g_autofree char *place = place_of(run, device);
    g_autofree char *folder = path_devices(run->dir, run->name);

    umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW);
    if (rmdir(place) != 0 && errno == ENOTDIR)
        unlink(place);
    rmdir(folder);
}
