#include "storage/btrfs.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "error.h"
#include "file.h"

#define SUBVOLUME_INODE 256u
#define MAX_NESTING 64u

gboolean btrfs_has(const char *path)
{
    struct statfs fs;

    return statfs(path, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC;
}

gboolean btrfs_is_subvolume(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_ino == SUBVOLUME_INODE &&
           btrfs_has(path);
}

/* The folder of a path, opened, and the path's last part. */
static int open_folder(const char *path, char **ret_name, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        error_errno(error, errno, "open %s", folder);
    else
        *ret_name = g_path_get_basename(path);
    return fd;
}

gboolean btrfs_subvolume_create(const char *path, GError **error)
{
    struct btrfs_ioctl_vol_args_v2 args = {0};
    g_autofree char *name = NULL;
    g_auto(Fd) folder = open_folder(path, &name, error);

    if (folder < 0)
        return FALSE;
    g_strlcpy(args.name, name, sizeof(args.name));
    if (ioctl(folder, BTRFS_IOC_SUBVOL_CREATE_V2, &args) < 0)
        return error_errno(error, errno, "create subvolume %s", path);
    return TRUE;
}

gboolean btrfs_snapshot(const char *from, const char *to, gboolean read_only, GError **error)
{
    struct btrfs_ioctl_vol_args_v2 args = {.flags = read_only ? BTRFS_SUBVOL_RDONLY : 0};
    g_autofree char *name = NULL;
    g_auto(Fd) folder = open_folder(to, &name, error);
    g_auto(Fd) source = -1;

    if (folder < 0)
        return FALSE;
    source = open(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (source < 0)
        return error_errno(error, errno, "open subvolume %s", from);
    args.fd = source;
    g_strlcpy(args.name, name, sizeof(args.name));
    if (ioctl(folder, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0)
        return error_errno(error, errno, "snapshot %s as %s", from, to);
    return TRUE;
}

static gboolean set_read_only(int fd, gboolean read_only)
{
    guint64 flags = 0, wanted;

    if (ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0)
        return FALSE;
    wanted = read_only ? flags | BTRFS_SUBVOL_RDONLY : flags & ~(guint64)BTRFS_SUBVOL_RDONLY;
    return wanted == flags || ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &wanted) == 0;
}

gboolean btrfs_set_read_only(const char *path, gboolean read_only, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || !set_read_only(fd, read_only))
        return error_errno(error, errno, "make subvolume %s %s", path,
                           read_only ? "read-only" : "writable");
    return TRUE;
}

/* The id of the subvolume that an open file is in; 0 with errno when it cannot be told. */
static guint64 subvolume_id(int fd)
{
    struct btrfs_ioctl_ino_lookup_args args = {.objectid = BTRFS_FIRST_FREE_OBJECTID};

    if (ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) < 0)
        return 0;
    return args.treeid;
}

static gboolean remove_below(int directory, guint depth, GError **error);

/* Deletes the subvolume `name` in `folder` with all below it. */
static gboolean remove_at(int folder, const char *name, guint depth, GError **error)
{
    struct btrfs_ioctl_vol_args args = {0};
    struct btrfs_ioctl_qgroup_create_args group = {0};
    g_auto(Fd) fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT || error_errno(error, errno, "open subvolume %s", name);
    /* Nothing below a read-only one can be unlinked. */
    if (!set_read_only(fd, FALSE))
        return error_errno(error, errno, "make subvolume %s writable", name);
    group.qgroupid = subvolume_id(fd);
    if (!remove_below(fd, depth + 1, error))
        return FALSE;
    g_strlcpy(args.name, name, sizeof(args.name));
    if (ioctl(folder, BTRFS_IOC_SNAP_DESTROY, &args) < 0 && errno != ENOENT)
        return error_errno(error, errno, "delete subvolume %s", name);
    /* Its accounting group goes with it on newer kernels by itself; older ones keep it, which harms
     * nobody when this fails. */
    if (group.qgroupid != 0)
        ioctl(folder, BTRFS_IOC_QGROUP_CREATE, &group);
    return TRUE;
}

static gboolean remove_child(int directory, const struct btrfs_ioctl_get_subvol_rootref_args *refs,
                             guint index, guint depth, gboolean *ret_removed, GError **error)
{
    struct btrfs_ioctl_ino_lookup_user_args lookup = {.dirid = refs->rootref[index].dirid,
                                                      .treeid = refs->rootref[index].treeid};
    g_auto(Fd) folder = -1;

    /* A child elsewhere in the same subvolume is not below this directory. */
    if (ioctl(directory, BTRFS_IOC_INO_LOOKUP_USER, &lookup) < 0)
        return errno == ENOENT || errno == EACCES ||
               error_errno(error, errno, "look up a nested subvolume");
    folder = file_open_beneath(directory, lookup.path[0] != '\0' ? lookup.path : ".",
                               O_RDONLY | O_DIRECTORY, 0, error);
    if (folder < 0)
        return FALSE;
    *ret_removed = TRUE;
    return remove_at(folder, lookup.name, depth, error);
}

static gboolean remove_below(int directory, guint depth, GError **error)
{
    struct btrfs_ioctl_get_subvol_rootref_args refs = {0};
    gboolean more;

    if (depth > MAX_NESTING)
        return error_set(error, ERR_FAILED, "subvolumes are nested more than %u deep", MAX_NESTING);
    do {
        more = ioctl(directory, BTRFS_IOC_GET_SUBVOL_ROOTREF, &refs) < 0;
        if (more && errno != EOVERFLOW)
            return error_errno(error, errno, "list nested subvolumes");
        for (guint i = 0; i < refs.num_items; i++) {
            gboolean removed = FALSE;

            if (!remove_child(directory, &refs, i, depth, &removed, error))
                return FALSE;
        }
    } while (more);
    return TRUE;
}

gboolean btrfs_remove_below(const char *path, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT || error_errno(error, errno, "open %s", path);
    if (!remove_below(fd, 0, error)) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    return TRUE;
}

gboolean btrfs_subvolume_remove(const char *path, GError **error)
{
    g_autofree char *name = NULL;
    g_auto(Fd) folder = -1;

    if (!file_exists(path))
        return TRUE;
    folder = open_folder(path, &name, error);
    if (folder < 0)
        return FALSE;
    if (!remove_at(folder, name, 0, error)) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    return TRUE;
}

/* Finds the limit item of a subvolume's group in the quota tree. */
static gboolean find_limit(int fd, guint64 id, guint64 *ret_bytes)
{
    struct btrfs_ioctl_search_args args = {.key = {.tree_id = BTRFS_QUOTA_TREE_OBJECTID,
                                                   .min_type = BTRFS_QGROUP_LIMIT_KEY,
                                                   .max_type = BTRFS_QGROUP_LIMIT_KEY,
                                                   .min_offset = id,
                                                   .max_offset = id,
                                                   .max_transid = G_MAXUINT64,
                                                   .nr_items = 1}};
    struct btrfs_ioctl_search_header header;
    struct btrfs_qgroup_limit_item item;

    *ret_bytes = 0;
    if (ioctl(fd, BTRFS_IOC_TREE_SEARCH, &args) < 0)
        return errno == ENOENT; /* no quota tree: no limits */
    if (args.key.nr_items == 0)
        return TRUE;
    memcpy(&header, args.buf, sizeof(header));
    if (header.len < sizeof(item))
        return TRUE;
    memcpy(&item, args.buf + sizeof(header), sizeof(item));
    if ((GUINT64_FROM_LE(item.flags) & BTRFS_QGROUP_LIMIT_MAX_RFER) != 0 &&
        GUINT64_FROM_LE(item.max_rfer) != G_MAXUINT64)
        *ret_bytes = GUINT64_FROM_LE(item.max_rfer);
    return TRUE;
}

gboolean btrfs_limit_get(const char *path, guint64 *ret_bytes, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    guint64 id = fd >= 0 ? subvolume_id(fd) : 0;
    guint64 bytes = 0;

    if (id == 0 || !find_limit(fd, id, &bytes))
        return error_errno(error, errno, "read the limit of subvolume %s", path);
    *ret_bytes = bytes;
    return TRUE;
}

static gboolean enable_quotas(int fd)
{
    struct btrfs_ioctl_quota_ctl_args enable = {.cmd = BTRFS_QUOTA_CTL_ENABLE};

    if (ioctl(fd, BTRFS_IOC_QUOTA_CTL, &enable) < 0 && errno != EEXIST)
        return FALSE;
    /* Counting what is there goes on in the background; a limit set before it ends would be checked
     * against nothing. */
    return ioctl(fd, BTRFS_IOC_QUOTA_RESCAN_WAIT) == 0 || errno == EINVAL;
}

gboolean btrfs_limit_set(const char *path, guint64 bytes, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct btrfs_ioctl_qgroup_limit_args args = {
        .lim = {.flags = BTRFS_QGROUP_LIMIT_MAX_RFER | BTRFS_QGROUP_LIMIT_MAX_EXCL,
                .max_rfer = bytes != 0 ? bytes : G_MAXUINT64,
                .max_excl = G_MAXUINT64}};
    guint64 present;

    args.qgroupid = fd >= 0 ? subvolume_id(fd) : 0;
    if (args.qgroupid == 0 || !find_limit(fd, args.qgroupid, &present))
        return error_errno(error, errno, "find the limit of subvolume %s", path);
    if (present == bytes)
        return TRUE;
    if (ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args) == 0)
        return TRUE;
    if (errno != ENOTCONN && errno != EINVAL && errno != ENOENT)
        return error_errno(error, errno, "limit subvolume %s", path);
    if (!enable_quotas(fd))
        return error_errno(error, errno, "switch on quotas for %s", path);
    if (ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args) < 0)
        return error_errno(error, errno, "limit subvolume %s", path);
    return TRUE;
}

static char *uuid_text(const guint8 *uuid)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < 16; i++)
        g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               uuid[i]);
    return g_string_free(text, FALSE);
}

char *btrfs_mounted_uuid(const char *path, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct btrfs_ioctl_fs_info_args info = {0};

    if (fd < 0 || ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0) {
        error_errno(error, errno, "ask for the file system of %s", path);
        return NULL;
    }
    return uuid_text(info.fsid);
}

/* Superblock copies, and where the UUID and the magic are in one (on-disk format of btrfs). */
static const off_t super_offsets[] = {64 << 10, 64 << 20, (off_t)256 << 30};
#define SUPER_UUID 32
#define SUPER_MAGIC 64
#define SUPER_HEAD 72

static gboolean read_super(int fd, off_t offset, guint8 *head)
{
    return pread(fd, head, SUPER_HEAD, offset) == SUPER_HEAD &&
           memcmp(head + SUPER_MAGIC, "_BHRfS_M", 8) == 0;
}

char *btrfs_super_uuid(const char *path, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    guint8 head[SUPER_HEAD];

    if (fd < 0) {
        error_errno(error, errno, "open %s", path);
        return NULL;
    }
    return read_super(fd, super_offsets[0], head) ? uuid_text(head + SUPER_UUID) : NULL;
}

gboolean btrfs_super_wipe(const char *path, const char *uuid, GError **error)
{
    /* O_EXCL on a block device fails while it is mounted. */
    g_auto(Fd) fd = open(path, O_RDWR | O_CLOEXEC | O_EXCL);
    static const guint8 zeros[8];
    guint8 head[SUPER_HEAD];

    if (fd < 0)
        return error_errno(error, errno, "open %s", path);
    for (guint i = G_N_ELEMENTS(super_offsets); i-- > 0;) {
        g_autofree char *found = NULL;

        if (!read_super(fd, super_offsets[i], head))
            continue;
        found = uuid_text(head + SUPER_UUID);
        if (strcmp(found, uuid) == 0 &&
            pwrite(fd, zeros, sizeof(zeros), super_offsets[i] + SUPER_MAGIC) != sizeof(zeros))
            return error_errno(error, errno, "wipe %s", path);
    }
    if (fsync(fd) < 0)
        return error_errno(error, errno, "wipe %s", path);
    return TRUE;
}
