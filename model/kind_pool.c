#include "kind_rows.h"

#include <string.h>

#include "error.h"
#include "units.h"
#include "validate.h"

#define DIR ON_DIR
#define BTRFS ON_BTRFS
#define LVM ON_LVM
#define ZFS ON_ZFS
#define CEPH ON_CEPH
#define CEPHFS ON_CEPHFS

/* ST-060. */
static gboolean check_stripe(const Row *row, const char *text, GError **error)
{
    gint64 bytes;

    if (!units_parse_bytes(text, &bytes, error))
        return FALSE;
    if (bytes >= 4096 && bytes % 512 == 0)
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "%s is no stripe size: at least 4096 bytes, a multiple of 512", text);
}

/* ST-061. */
static gboolean check_block(const Row *row, const char *text, GError **error)
{
    gint64 bytes;

    if (!units_parse_bytes(text, &bytes, error))
        return FALSE;
    if (bytes >= 512 && bytes <= 16 << 20 && (bytes & (bytes - 1)) == 0)
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "%s is no block size: a power of two from 512 bytes to 16MiB", text);
}

/* ST-ZFS-03. */
static gboolean check_clone(const Row *row, const char *text, GError **error)
{
    return strcmp(text, "rebase") == 0 || TYPE_BOOL.check(row, text, error);
}

/* ST-023: "0" is no limit. */
static gboolean check_bandwidth(const Row *row, const char *text, GError **error)
{
    gint64 bytes;

    return units_parse_bytes(text, &bytes, error);
}

static const Type TYPE_STRIPE = {.name = "byte size", .shape = SHAPE_STRING, .check = check_stripe};
static const Type TYPE_BLOCK = {.name = "byte size", .shape = SHAPE_STRING, .check = check_block};
static const Type TYPE_CLONE = {
    .name = "boolean or rebase", .shape = SHAPE_STRING, .check = check_clone};
static const Type TYPE_BANDWIDTH = {
    .name = "byte size", .shape = SHAPE_STRING, .check = check_bandwidth};

static const Row config[] = {
    ROW("source", LINE, NULL, 0, BLOCKED, LOCAL, "ST-025",
        "Directory, btrfs path, block device, volume group, zpool or Ceph pool; made by berth when "
        "unset."),
    ROW("size", SIZE, NULL, BTRFS | LVM | ZFS, BLOCKED, GENERATED | LOCAL, "ST-022",
        "Size of the loop file.", BOUNDS(1, G_MAXINT64)),
    ROW("volatile.initial_source", STRING, NULL, 0, NONE, GENERATED | LOCAL, "ST-017",
        "The source as first given."),
    ROW("volatile.uuid", LINE, NULL, BTRFS, NONE, GENERATED | LOCAL, "ST-BTRFS-03",
        "Identity of the file system that berth makes on a loop file or device."),
    ROW("volatile.pool.pristine", BOOL, "true", CEPH | CEPHFS, NONE, RUNTIME, "ST-CEPH-10",
        "The Ceph pool was empty when it was taken."),
    ROW("btrfs.mount_options", LINE, "user_subvol_rm_allowed", BTRFS, LIVE, 0, "ST-BTRFS-01",
        "Mount options of a device or loop pool."),
    ROW("lvm.thinpool_name", STRING, "LXDThinPool", LVM, LIVE, REFUSED, "ST-LVM-01",
        "Thin pool that holds the volumes."),
    ROW("lvm.thinpool_metadata_size", SIZE, "0", LVM, BLOCKED, REFUSED, "ST-LVM-02",
        "Size of the thin pool's metadata; 0 lets LVM decide."),
    ROW("lvm.use_thinpool", BOOL, "true", LVM, BLOCKED, REFUSED, "ST-LVM-03", "Use a thin pool."),
    ROW("lvm.vg.force_reuse", BOOL, "false", LVM, NONE, REFUSED, "ST-LVM-04",
        "Take a volume group that is not empty."),
    ROW("lvm.vg_name", STRING, NULL, LVM, LIVE, REFUSED | LOCAL, "ST-LVM-05",
        "Volume group; the pool's name when unset."),
    ROW("zfs.clone_copy", CLONE, "true", ZFS, NONE, REFUSED, "ST-ZFS-03",
        "Copies are clones (true), full (false) or on top of the image (rebase)."),
    ROW("zfs.export", BOOL, "true", ZFS, NONE, REFUSED, "ST-ZFS-04",
        "Export the zpool when it is unmounted."),
    ROW("zfs.pool_name", STRING, NULL, ZFS, BLOCKED, REFUSED | LOCAL, "ST-ZFS-05",
        "Zpool or dataset; the pool's name when unset."),
    ROW("ceph.cluster_name", STRING, "ceph", CEPH, BLOCKED, REFUSED, "ST-CEPH-01", "Ceph cluster."),
    ROW("ceph.osd.data_pool_name", STRING, NULL, CEPH, BLOCKED, REFUSED, "ST-CEPH-02",
        "OSD pool for data."),
    ROW("ceph.osd.force_reuse", BOOL, "false", CEPH, NONE, REFUSED, "ST-CEPH-03",
        "Take an OSD pool that is in use."),
    ROW("ceph.osd.pg_num", INT, "32", CEPH, BLOCKED, REFUSED, "ST-CEPH-04", "Placement groups.",
        BOUNDS(1, G_MAXINT32)),
    ROW("ceph.osd.pool_name", STRING, NULL, CEPH, BLOCKED, REFUSED, "ST-CEPH-05",
        "OSD pool; the pool's name when unset."),
    ROW("ceph.rbd.clone_copy", BOOL, "true", CEPH, NONE, REFUSED, "ST-CEPH-06",
        "Copies are clones."),
    ROW("ceph.rbd.du", BOOL, "true", CEPH, NONE, REFUSED, "ST-CEPH-07",
        "Ask rbd for the use of stopped instances."),
    ROW("ceph.rbd.features", COMMAS, "layering", CEPH, NONE, REFUSED, "ST-CEPH-08",
        "Features of new RBD images."),
    ROW("ceph.user.name", STRING, "admin", CEPH, BLOCKED, REFUSED, "ST-CEPH-09", "Ceph user."),
    ROW("cephfs.cluster_name", STRING, "ceph", CEPHFS, BLOCKED, REFUSED, "ST-CFS-01",
        "Ceph cluster."),
    ROW("cephfs.path", PATH, "/", CEPHFS, BLOCKED, REFUSED, "ST-CFS-02", "Path that is mounted."),
    ROW("cephfs.user.name", STRING, "admin", CEPHFS, BLOCKED, REFUSED, "ST-CFS-03", "Ceph user."),
    ROW("rsync.bwlimit", BANDWIDTH, "0", 0, NONE, REFUSED, "ST-023",
        "Bandwidth limit of copies; 0 is none."),
    ROW("rsync.compression", BOOL, "true", 0, NONE, REFUSED, "ST-024",
        "Compress what moves to another server."),
    ROW("volume.size", SIZE, NULL, 0, NONE, 0, "ST-050", "Size of new volumes that name none."),
    ROW("volume.security.shifted", BOOL, "false", 0, NONE, REFUSED, "ST-051",
        "New custom volumes can be shared by isolated containers."),
    ROW("volume.security.unmapped", BOOL, "false", 0, NONE, REFUSED, "ST-052",
        "New custom volumes show raw host ids."),
    ROW("volume.snapshots.expiry", EXPIRY, NULL, 0, NONE, REFUSED, "ST-054",
        "How long snapshots of new volumes are kept."),
    ROW("volume.snapshots.pattern", STRING, "snap%d", 0, NONE, REFUSED, "ST-055",
        "Names of snapshots of new volumes."),
    ROW("volume.snapshots.schedule", CRON, NULL, 0, NONE, REFUSED, "ST-056",
        "When new volumes are snapshotted."),
    ROW("volume.block.filesystem", ENUM, "ext4", LVM | CEPH, NONE, REFUSED, "ST-057",
        "File system of new volumes.", WORDS("ext4", "xfs", "btrfs")),
    ROW("volume.block.mount_options", STRING, "discard", LVM | CEPH, NONE, REFUSED, "ST-058",
        "Mount options of new volumes."),
    ROW("volume.lvm.stripes", INT, NULL, LVM, NONE, REFUSED, "ST-059",
        "Stripes of new logical volumes.", BOUNDS(1, G_MAXINT32)),
    ROW("volume.lvm.stripes.size", STRIPE, NULL, LVM, NONE, REFUSED, "ST-060",
        "Size of such a stripe."),
    ROW("volume.zfs.blocksize", BLOCK, NULL, ZFS, NONE, REFUSED, "ST-061",
        "Block size of new volumes."),
    ROW("volume.zfs.remove_snapshots", BOOL, "false", ZFS, NONE, REFUSED, "ST-062",
        "Restoring an old snapshot deletes newer ones."),
    ROW("volume.zfs.use_refquota", BOOL, "false", ZFS, NONE, REFUSED, "ST-063",
        "Limit by refquota."),
    ROW("volume.zfs.reserve_space", BOOL, "false", ZFS, NONE, REFUSED, "ST-064",
        "Reserve the size of new volumes."),
    USER_ROW("ST-020"),
    ROW_END,
};

static const Row fields[] = {
    ROW("driver", ENUM, NULL, 0, BLOCKED, REQUIRED, "ST-001",
        "What the pool is made of; fixed for good.",
        WORDS("dir", "btrfs", "lvm", "zfs", "ceph", "cephfs")),
    DESCRIPTION_ROW("ST-002"),
    META_ROWS,
    USED_BY_ROW("ST-007"),
    ROW("status", STRING, NULL, 0, NONE, RUNTIME, "ST-002", "Computed, ignored when read."),
    ROW("locations", LIST, NULL, 0, NONE, RUNTIME, "ST-002", "Computed, ignored when read."),
    ROW_END,
};

/* ST-004. */
static gboolean check_name(const char *name, GError **error)
{
    for (const char *at = name; *at != '\0'; at++)
        if (g_ascii_isspace(*at))
            return error_set(error, ERR_INVALID,
                             "\"%s\" cannot name a storage pool: it holds a blank", name);
    return TYPE_NAME.check(NULL, name, error);
}

static guint variant(const json_t *spec)
{
    static const struct {
        const char *driver;
        guint applies;
    } drivers[] = {{"dir", DIR}, {"btrfs", BTRFS}, {"lvm", LVM},
                   {"zfs", ZFS}, {"ceph", CEPH},   {"cephfs", CEPHFS}};
    const char *driver = json_member_string(spec, "driver");

    for (guint i = 0; i < G_N_ELEMENTS(drivers); i++)
        if (g_strcmp0(driver, drivers[i].driver) == 0)
            return drivers[i].applies;
    return 0;
}

static void check_lvm(const Object *object, Problems *problems)
{
    /* ST-LVM-03 */
    if (type_is_true(object_config_or_default(object, "lvm.use_thinpool")))
        return;
    if (object_config(object, "lvm.thinpool_name") != NULL)
        problem_add(problems, PROBLEM_ERROR, object, "config/lvm.thinpool_name",
                    "needs lvm.use_thinpool to be true");
    if (object_config(object, "lvm.thinpool_metadata_size") != NULL)
        problem_add(problems, PROBLEM_ERROR, object, "config/lvm.thinpool_metadata_size",
                    "needs lvm.use_thinpool to be true");
}

static void check(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    const char *driver = json_member_string(object->spec, "driver");
    const char *source = object_config(object, "source");

    switch (variant(object->spec)) {
    case DIR:
    case BTRFS:
        if (source != NULL && !g_path_is_absolute(source))
            problem_add(problems, PROBLEM_ERROR, object, "config/source",
                        "\"%s\" is no absolute path: name a %s", source,
                        strcmp(driver, "dir") == 0 ? "directory"
                                                   : "path on btrfs or a block device");
        break;
    case LVM:
        check_lvm(object, problems);
        G_GNUC_FALLTHROUGH;
    default:
        if (driver != NULL && variant(object->spec) != 0)
            problem_add(problems, PROBLEM_UNSUPPORTED, object, "driver",
                        "driver %s is not supported by this build: use dir or btrfs", driver);
        if (variant(object->spec) == CEPHFS && source == NULL)
            problem_add(problems, PROBLEM_ERROR, object, "config/source",
                        "a cephfs pool needs a source");
    }
}

const Kind POOL_KIND = {
    .id = KIND_POOL,
    .name = "pool",
    .plural = "storage_pools",
    .title = "storage pool",
    .api = "storage-pools",
    .flags = KIND_CONFIG,
    .fields = fields,
    .config = config,
    .variant = variant,
    .check = check,
    .check_name = check_name,
};
