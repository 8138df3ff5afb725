#include "kind_rows.h"

#include <string.h>

#include "error.h"
#include "validate.h"

#define BLOCK(row_key, row_spec, row_summary)                                                      \
    ROW(row_key, ENUM, "block", 0, LIVE, 0, row_spec, row_summary, WORDS("block", "allow"))
#define COUNT(row_key, row_spec, row_summary)                                                      \
    ROW(row_key, UINT32, NULL, 0, LIVE, 0, row_spec, row_summary)

static const Row config[] = {
    ROW("backups.compression_algorithm", COMPRESSION, NULL, 0, NONE, 0, "PJ-101",
        "Compression of new backups, in place of the server's; stored only: there are none yet."),
    ROW("features.images", BOOL, "true", 0, BLOCKED, 0, "PJ-102",
        "Own images; otherwise those of project default."),
    ROW("features.networks", BOOL, "false", 0, BLOCKED, 0, "PJ-103",
        "Own networks; otherwise those of project default."),
    ROW("features.profiles", BOOL, "true", 0, BLOCKED, 0, "PJ-104",
        "Own profiles; otherwise those of project default."),
    ROW("features.storage.volumes", BOOL, "true", 0, BLOCKED, 0, "PJ-105",
        "Own custom volumes; otherwise those of project default; stored only: there are none yet."),
    ROW("images.auto_update_cached", BOOL, NULL, 0, NONE, 0, "PJ-107",
        "Keep cached images up to date."),
    ROW("images.auto_update_interval", INT, NULL, 0, NONE, 0, "PJ-108",
        "Hours between looks for newer images; 0 is never.", BOUNDS(0, G_MAXINT32)),
    ROW("images.compression_algorithm", COMPRESSION, NULL, 0, NONE, 0, "PJ-109",
        "Compression of new images."),
    ROW("images.default_architecture", ARCHITECTURE, NULL, 0, NONE, 0, "PJ-110",
        "Architecture of new instances in a mixed cluster; stored only: there is one host."),
    ROW("images.remote_cache_expiry", INT, NULL, 0, NONE, 0, "PJ-111",
        "Days until a cached image is dropped that no new instance was made from; 0 is never.",
        BOUNDS(0, G_MAXINT32)),
    COUNT("limits.containers", "PJ-120", "Most containers."),
    COUNT("limits.virtual-machines", "PJ-121", "Most virtual machines."),
    COUNT("limits.instances", "PJ-122", "Most instances of either type."),
    COUNT("limits.cpu", "PJ-123", "Largest sum of the instances' limits.cpu."),
    ROW("limits.memory", SIZE, NULL, 0, LIVE, 0, "PJ-124",
        "Largest sum of the instances' limits.memory."),
    COUNT("limits.processes", "PJ-125", "Largest sum of the instances' limits.processes."),
    ROW("limits.disk", SIZE, NULL, 0, LIVE, 0, "PJ-126", "Largest sum of the volumes' sizes."),
    COUNT("limits.networks", "PJ-127", "Most networks."),
    ROW("restricted", BOOL, "false", 0, LIVE, 0, "PJ-150",
        "Refuse what the restricted.* keys do not allow."),
    BLOCK("restricted.backups", "PJ-151", "Backups; stored only: there are none yet."),
    ROW("restricted.cluster.groups", COMMAS, NULL, 0, LIVE, 0, "PJ-152",
        "Cluster groups that may be targeted; stored only: there is no cluster."),
    BLOCK("restricted.cluster.target", "PJ-154",
          "Choice of the cluster member; stored only: there is no cluster."),
    BLOCK("restricted.containers.lowlevel", "PJ-155", "Low-level container keys such as raw.lxc."),
    BLOCK("restricted.containers.nesting", "PJ-156", "security.nesting."),
    ROW("restricted.containers.privilege", ENUM, "unprivileged", 0, LIVE, 0, "PJ-157",
        "Privilege of containers: unprivileged, isolated id ranges only, or anything.",
        WORDS("unprivileged", "isolated", "allow")),
    ROW("restricted.containers.interception", ENUM, "block", 0, LIVE, 0, "PJ-158",
        "Interception of system calls.", WORDS("block", "allow", "full")),
    ROW("restricted.devices.disk", ENUM, "managed", 0, LIVE, 0, "PJ-159",
        "Disks: root only, those in a pool, or any.", WORDS("block", "managed", "allow")),
    ROW("restricted.devices.disk.paths", PATHS, NULL, 0, LIVE, 0, "PJ-160",
        "Host paths that disks may come from, when disks are allowed; any when unset."),
    BLOCK("restricted.devices.gpu", "PJ-161", "GPU devices."),
    BLOCK("restricted.devices.infiniband", "PJ-162", "InfiniBand devices."),
    ROW("restricted.devices.nic", ENUM, "managed", 0, LIVE, 0, "PJ-163",
        "NICs: none, on managed networks, or any.", WORDS("block", "managed", "allow")),
    BLOCK("restricted.devices.pci", "PJ-164", "PCI devices."),
    BLOCK("restricted.devices.proxy", "PJ-165", "Proxy devices."),
    BLOCK("restricted.devices.unix-block", "PJ-166", "Block devices."),
    BLOCK("restricted.devices.unix-char", "PJ-167", "Character devices."),
    BLOCK("restricted.devices.unix-hotplug", "PJ-168", "Hot-plugged devices."),
    BLOCK("restricted.devices.usb", "PJ-169", "USB devices."),
    ROW("restricted.idmap.uid", ID_RANGES, NULL, 0, LIVE, 0, "PJ-170",
        "Host user ids that raw.idmap may name."),
    ROW("restricted.idmap.gid", ID_RANGES, NULL, 0, LIVE, 0, "PJ-171",
        "Host group ids that raw.idmap may name."),
    ROW("restricted.networks.subnets", SUBNETS, "block", 0, LIVE, 0, "PJ-172",
        "External subnets that its networks may use; stored only: there are no uplinks yet.",
        WORDS("block")),
    ROW("restricted.networks.uplinks", COMMAS, "block", 0, LIVE, 0, "PJ-173",
        "Networks that may serve as uplink."),
    ROW("restricted.networks.zones", COMMAS, "block", 0, LIVE, 0, "PJ-174",
        "Network zones that may be used."),
    BLOCK("restricted.snapshots", "PJ-153", "Snapshots; stored only: there are none yet."),
    BLOCK("restricted.virtual-machines.lowlevel", "PJ-175",
          "Low-level keys of virtual machines such as raw.qemu."),
    USER_ROW("PJ-05"),
    ROW_END,
};

static const Row fields[] = {
    DESCRIPTION_ROW("PJ-01"),
    ROW("reconcile", ENUM, NULL, 0, NONE, ROW_META, "EN-41",
        "What the daemon does where the host is no longer as stored: nothing (off), tell (warn), "
        "put "
        "it right (correct); warn when unset, correct for objects of a source.",
        WORDS("off", "warn", "correct")),
    META_ROWS,
    USED_BY_ROW("PJ-14"),
    ROW_END,
};

/* PJ-07. */
static gboolean check_name(const char *name, GError **error)
{
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return error_set(error, ERR_INVALID, "\"%s\" cannot name a project", name);
    if (strpbrk(name, "/ _'\"*\t\n") != NULL)
        return error_set(
            error, ERR_INVALID,
            "\"%s\" cannot name a project: '/', '_', '*', quotes and blanks are not allowed", name);
    return TYPE_NAME.check(NULL, name, error);
}

static void check(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    static const char *const features[] = {"features.images", "features.networks",
                                           "features.profiles", "features.storage.volumes", NULL};

    /* PJ-06 */
    for (const char *const *key = features; *key != NULL; key++) {
        const char *value = object_config(object, *key);
        g_autofree char *path = g_strdup_printf("config/%s", *key);

        if (strcmp(object->id.name, "default") == 0 && value != NULL && !type_is_true(value))
            problem_add(problems, PROBLEM_ERROR, object, path,
                        "project default has all features: leave the key out");
    }
    /* PJ-147 */
    if (type_is_true(object_config(object, "restricted")) &&
        !type_is_true(object_config_or_default(object, "features.profiles")))
        problem_add(
            problems, PROBLEM_ERROR, object, "config/restricted",
            "a restricted project needs profiles of its own: set features.profiles to true");
}

const Kind PROJECT_KIND = {
    .id = KIND_PROJECT,
    .name = "project",
    .plural = "projects",
    .title = "project",
    .api = "projects",
    .flags = KIND_CONFIG,
    .fields = fields,
    .config = config,
    .check = check,
    .check_name = check_name,
};
