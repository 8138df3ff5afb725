/* The disk device (devices.md 4). */
#include "kind_rows.h"

#define C ON_CONTAINER
#define VM ON_VM

const Row DEVICE_DISK[] = {
    ROW("limits.read", DISK_RATE, NULL, 0, LIVE, REFUSED, "D-DISK-01",
        "Rate of reads: bytes a second or N iops."),
    ROW("limits.write", DISK_RATE, NULL, 0, LIVE, REFUSED, "D-DISK-02",
        "Rate of writes: bytes a second or N iops."),
    ROW("limits.max", DISK_RATE, NULL, 0, LIVE, REFUSED, "D-DISK-03", "Rate of both."),
    ROW("path", LINE, NULL, 0, LIVE, 0, "D-DISK-04",
        "Mount point in the instance; \"/\" is the root disk.", BOUNDS(1, 4095)),
    ROW("source", LINE, NULL, 0, LIVE, 0, "D-DISK-05",
        "File, directory or block device of the host; absent for the root disk.", BOUNDS(1, 4095)),
    ROW("required", BOOL, "true", 0, LIVE, 0, "D-DISK-06",
        "A missing source fails the start; false: it is skipped."),
    ROW("readonly", BOOL, "false", 0, LIVE, 0, "D-DISK-07", "Mount read-only."),
    ROW("size", SIZE, NULL, 0, LIVE, 0, "D-DISK-08", "Quota of the root disk."),
    ROW("size.state", SIZE, NULL, VM, LIVE, REFUSED, "D-DISK-09",
        "Size of a virtual machine's state volume."),
    ROW("recursive", BOOL, "false", 0, LIVE, 0, "D-DISK-10",
        "Take the mounts below the source along."),
    ROW("pool", STRING, NULL, 0, LIVE, 0, "D-DISK-11",
        "Storage pool of the root disk; a stopped instance takes its data along to another.",
        .ref = "pool"),
    ROW("propagation", ENUM, "private", 0, LIVE, 0, "D-DISK-12",
        "Whether later mounts travel in or out.",
        WORDS("private", "shared", "slave", "unbindable", "rshared", "rslave", "runbindable",
              "rprivate")),
    ROW("shift", BOOL, "false", C, LIVE, 0, "D-DISK-13",
        "Map owners so that they fit the container."),
    ROW("raw.mount.options", LINE, NULL, 0, LIVE, 0, "D-DISK-14",
        "Mount options of the file system."),
    ROW("ceph.user_name", STRING, "admin", 0, LIVE, REFUSED, "D-DISK-15", "Ceph user."),
    ROW("ceph.cluster_name", STRING, "ceph", 0, LIVE, REFUSED, "D-DISK-16", "Ceph cluster."),
    ROW("boot.priority", INT, NULL, VM, NONE, 0, "D-DISK-17",
        "Boot order of a virtual machine, highest first."),
    ROW("optional", BOOL, "false", 0, LIVE, 0, "D-DISK-18", "Old opposite of `required`."),
    ROW("user.*", STRING, NULL, 0, NONE, SEALED, "D-GEN-09", "Free keys, stored only."),
    ROW_END,
};
