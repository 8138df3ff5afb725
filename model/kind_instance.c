#include "kind_rows.h"

#include <string.h>

#include "error.h"
#include "expand.h"
#include "validate.h"

#define C ON_CONTAINER
#define VM ON_VM
#define INTERCEPT "security.syscalls.intercept."

_Static_assert(INSTANCE_ONLY_ROWS == 29,
               "PROFILE_KIND starts behind the rows that only instances have");

const Row INSTANCE_CONFIG[] = {
    /* Only on instances (I-020, I-021, PF-08): INSTANCE_ONLY_ROWS of them. */
    ROW("image.*", STRING, NULL, 0, NONE, 0, "I-174",
        "Properties of the image, copied at creation."),
    ROW("volatile.apply_template", ENUM, NULL, 0, NONE, RUNTIME, "I-201",
        "Template trigger that fires at the next start.", WORDS("create", "copy", "rename")),
    ROW("volatile.apply_nvram", BOOL, NULL, VM, NONE, RUNTIME, "I-202",
        "Renew the NVRAM at the next start."),
    ROW("volatile.base_image", STRING, NULL, 0, NONE, GENERATED, "I-203",
        "Fingerprint of the image it was made from."),
    ROW("volatile.cloud-init.instance-id", STRING, NULL, 0, NONE, GENERATED, "I-204",
        "Instance id that cloud-init sees; renewed when its data changes."),
    ROW("volatile.evacuate.origin", STRING, NULL, 0, NONE, RUNTIME, "I-205",
        "Member that it was evacuated from."),
    ROW("volatile.idmap.base", UINT32, NULL, C, RESTART, GENERATED, "I-206",
        "First host id of its id range."),
    ROW("volatile.idmap.current", STRING, NULL, C, NONE, RUNTIME, "I-207",
        "Id map that the kernel uses now (JSON)."),
    ROW("volatile.idmap.next", STRING, NULL, C, NONE, GENERATED, "I-208",
        "Id map for the next start (JSON)."),
    ROW("volatile.last_state.idmap", STRING, NULL, C, NONE, RUNTIME, "I-209",
        "Id map that the files on disk are in (JSON); [] means unshifted."),
    ROW("volatile.last_state.power", ENUM, NULL, 0, NONE, RUNTIME, "I-210",
        "Power state seen last.", WORDS("RUNNING", "STOPPED", "FROZEN")),
    ROW("volatile.vsock_id", UINT32, NULL, VM, NONE, RUNTIME, "I-211",
        "vsock id of the last start."),
    ROW("volatile.uuid", STRING, NULL, 0, NONE, GENERATED, "I-212",
        "Identity of the instance, unique everywhere."),
    ROW("volatile.*.apply_quota", STRING, NULL, 0, NONE, RUNTIME, "I-213",
        "Disk size to apply to this device at the next start."),
    ROW("volatile.*.ceph_rbd", STRING, NULL, 0, NONE, RUNTIME, "I-214",
        "Path of the mapped RBD device."),
    ROW("volatile.*.host_name", IFNAME, NULL, 0, NONE, GENERATED, "I-215",
        "Interface of this NIC on the host."),
    ROW("volatile.*.hwaddr", MAC, NULL, 0, LIVE, GENERATED, "I-216",
        "MAC drawn for a NIC that names none."),
    ROW("volatile.*.last_state.created", BOOL, NULL, 0, NONE, RUNTIME, "I-217",
        "The parent interface was made for this device."),
    ROW("volatile.*.last_state.mtu", UINT32, NULL, 0, NONE, RUNTIME, "I-218",
        "Former MTU of a moved interface."),
    ROW("volatile.*.last_state.hwaddr", STRING, NULL, 0, NONE, RUNTIME, "I-219",
        "Former MAC of a moved interface."),
    ROW("volatile.*.last_state.vf.id", UINT32, NULL, 0, NONE, RUNTIME, "I-220",
        "Number of the virtual function."),
    ROW("volatile.*.last_state.vf.hwaddr", MAC, NULL, 0, NONE, RUNTIME, "I-221",
        "Former MAC of the virtual function."),
    ROW("volatile.*.last_state.vf.vlan", UINT32, NULL, 0, NONE, RUNTIME, "I-222",
        "Former VLAN of the virtual function."),
    ROW("volatile.*.last_state.vf.spoofcheck", BOOL, NULL, 0, NONE, RUNTIME, "I-223",
        "Former spoof check of the virtual function."),
    ROW("volatile.*.name", IFNAME, NULL, 0, LIVE, GENERATED, "I-224",
        "Interface name drawn for inside the instance."),
    ROW("volatile.*.last_state.vf.parent", IFNAME, NULL, 0, NONE, RUNTIME, "I-225",
        "Interface that the virtual function was taken from."),
    ROW("volatile.*.last_state.pci.slot.name", STRING, NULL, 0, NONE, RUNTIME, "I-226",
        "PCI slot of a device given to the instance."),
    ROW("volatile.*.last_state.pci.driver", STRING, NULL, 0, NONE, RUNTIME, "I-226",
        "Former driver of a device given to the instance."),
    ROW("volatile.*.vgpu.uuid", STRING, NULL, 0, NONE, RUNTIME, "I-227",
        "UUID of the mediated GPU device."),

    /* On instances and profiles. */
    ROW("agent.nic_config", BOOL, "false", VM, RESTART, REFUSED, "I-101",
        "The agent inside sets names and MTUs of NICs as the devices say."),
    ROW("boot.autostart", BOOL, NULL, 0, NONE, 0, "I-102",
        "Start with the daemon: true always, false never, unset: as it was before."),
    ROW("boot.autostart.delay", INT, "0", 0, NONE, 0, "I-103",
        "Seconds to wait after its start before the next one.", BOUNDS(0, G_MAXINT32)),
    ROW("boot.autostart.priority", INT, "0", 0, NONE, 0, "I-104",
        "Order of automatic starts, highest first."),
    ROW("boot.host_shutdown_timeout", INT, "30", 0, LIVE, 0, "I-105",
        "Seconds that a clean stop may take before it is forced.", BOUNDS(0, G_MAXINT32)),
    ROW("boot.stop.priority", INT, "0", 0, NONE, 0, "I-106",
        "Order of stops at shutdown, highest first."),
    ROW("cloud-init.network-config", STRING, NULL, 0, RESTART, REFUSED, "I-107",
        "Seed for cloud-init network-config."),
    ROW("cloud-init.user-data", STRING, "#cloud-config", 0, RESTART, REFUSED, "I-108",
        "Seed for cloud-init user-data."),
    ROW("cloud-init.vendor-data", STRING, "#cloud-config", 0, RESTART, REFUSED, "I-109",
        "Seed for cloud-init vendor-data."),
    ROW("cluster.evacuate", ENUM, "auto", 0, NONE, 0, "I-110",
        "What an evacuation of the cluster member does with it.",
        WORDS("auto", "migrate", "live-migrate", "stop")),
    ROW("environment.*", STRING, NULL, 0, LIVE, 0, "I-111",
        "Environment variable of the init process and of each exec; the next exec has the new "
        "value."),
    ROW("limits.cpu", CPUS, NULL, 0, LIVE, 0, "I-112",
        "CPUs it may use: a count, a range or a set."),
    ROW("limits.cpu.allowance", ALLOWANCE, "100%", C, LIVE, 0, "I-113",
        "CPU time: N% is a share under load, Xms/Yms a hard limit."),
    ROW("limits.cpu.priority", INT, "10", C, LIVE, 0, "I-114",
        "Share of instances on the same CPUs, 0 to 10.", BOUNDS(0, 10)),
    ROW("limits.disk.priority", INT, "5", 0, LIVE, REFUSED, "I-115",
        "Weight of its disk access under load, 0 to 10.", BOUNDS(0, 10)),
    ROW("limits.hugepages.64KB", SIZE, NULL, C, LIVE, 0, "I-116",
        "Limit of 64 KB huge pages, in bytes."),
    ROW("limits.hugepages.1MB", SIZE, NULL, C, LIVE, 0, "I-117",
        "Limit of 1 MB huge pages, in bytes."),
    ROW("limits.hugepages.2MB", SIZE, NULL, C, LIVE, 0, "I-118",
        "Limit of 2 MB huge pages, in bytes."),
    ROW("limits.hugepages.1GB", SIZE, NULL, C, LIVE, 0, "I-119",
        "Limit of 1 GB huge pages, in bytes."),
    ROW("limits.kernel.*", RLIMIT, NULL, 0, RESTART, 0, "I-120",
        "Kernel limit of that name (nofile, nproc ...) as SOFT:HARD or one value."),
    ROW("limits.memory", MEMORY, NULL, 0, LIVE, 0, "I-121",
        "Memory it may use: a size or a share of the host's."),
    ROW("limits.memory.enforce", ENUM, "hard", C, LIVE, 0, "I-122",
        "hard: never more than the limit; soft: more while the host has memory to spare.",
        WORDS("hard", "soft")),
    ROW("limits.memory.hugepages", BOOL, "false", VM, RESTART, REFUSED, "I-123",
        "Back guest memory with huge pages."),
    ROW("limits.memory.swap", BOOL, "true", C, LIVE, 0, "I-124",
        "The kernel may swap its memory out."),
    ROW("limits.memory.swap.priority", INT, "10", C, LIVE, 0, "I-125",
        "0 to 10; higher is swapped out later.", BOUNDS(0, 10)),
    ROW("limits.network.priority", INT, "0", 0, LIVE, REFUSED, "I-126",
        "Priority of its traffic under load, 0 to 10.", BOUNDS(0, 10)),
    ROW("limits.processes", INT, NULL, C, LIVE, 0, "I-127", "How many processes it may have.",
        BOUNDS(1, G_MAXINT64)),
    ROW("linux.kernel_modules", COMMAS, NULL, C, LIVE, REFUSED, "I-128",
        "Kernel modules that the host loads before the start."),
    ROW("linux.sysctl.*", STRING, NULL, C, RESTART, 0, "I-129", "Sysctl set inside the container."),
    ROW("migration.incremental.memory", BOOL, "false", C, NONE, 0, "I-130",
        "Copy memory in rounds before a live migration."),
    ROW("migration.incremental.memory.goal", UINT32, "70", C, NONE, 0, "I-131",
        "Percent of memory in sync that ends the rounds.", BOUNDS(0, 100)),
    ROW("migration.incremental.memory.iterations", UINT32, "10", C, NONE, 0, "I-132",
        "Most rounds of memory copy."),
    ROW("migration.stateful", BOOL, "false", VM, NONE, 0, "I-133",
        "Allow stop and snapshot with the running state."),
    ROW("nvidia.driver.capabilities", COMMAS, "compute,utility", C, RESTART, REFUSED, "I-134",
        "Parts of the NVIDIA driver that the container gets."),
    ROW("nvidia.runtime", BOOL, "false", C, RESTART, REFUSED, "I-135",
        "Give the host's NVIDIA runtime to the container."),
    ROW("nvidia.require.cuda", STRING, NULL, C, RESTART, REFUSED, "I-136",
        "CUDA version that it needs."),
    ROW("nvidia.require.driver", STRING, NULL, C, RESTART, REFUSED, "I-137",
        "Driver version that it needs."),
    ROW("raw.apparmor", STRING, NULL, 0, NONE, 0, "I-138",
        "Lines for the AppArmor profile; stored only on hosts without AppArmor."),
    ROW("raw.idmap", IDMAP, NULL, 0, RESTART, 0, "I-139",
        "Own id mappings: lines \"both|uid|gid HOST CONTAINER\"."),
    ROW("raw.lxc", RAW_LXC, NULL, C, RESTART, 0, "I-140", "Lines of liblxc config, read last."),
    ROW("raw.qemu", STRING, NULL, VM, RESTART, REFUSED, "I-141", "More arguments for QEMU."),
    ROW("raw.seccomp", STRING, NULL, C, RESTART, 0, "I-142",
        "A whole seccomp policy in place of the generated one."),
    ROW("security.agent.metrics", BOOL, "true", VM, LIVE, REFUSED, "I-152",
        "Ask the agent inside for metrics."),
    ROW("security.devlxd", BOOL, "true", 0, NONE, 0, "I-143",
        "Socket /dev/lxd inside the instance; stored only, this build has no guest API."),
    ROW("security.devlxd.images", BOOL, "false", C, RESTART, REFUSED, "I-144",
        "The guest API may hand out images."),
    ROW("security.idmap.base", UINT32, NULL, C, RESTART, 0, "I-145",
        "First host id of an isolated range, in place of an automatic one."),
    ROW("security.idmap.isolated", BOOL, "false", C, RESTART, 0, "I-146",
        "Id range of its own that no other isolated container shares."),
    ROW("security.idmap.size", UINT32, NULL, C, RESTART, 0, "I-147",
        "Length of an isolated range; 65536 when unset.", BOUNDS(1, G_MAXUINT32)),
    /* I-148 lets the rules change at once, but the mounts that nesting needs can only be made at a
       start. */
    ROW("security.nesting", BOOL, "false", C, RESTART, 0, "I-148", "Containers may run inside."),
    ROW("security.privileged", BOOL, "false", C, RESTART, 0, "I-149",
        "No user namespace: root inside is root on the host."),
    ROW("security.protection.delete", BOOL, "false", 0, LIVE, 0, "I-150",
        "Refuse to delete the instance."),
    ROW("security.protection.shift", BOOL, "false", C, LIVE, 0, "I-151",
        "Never change the owners of its files on disk."),
    ROW("security.secureboot", BOOL, "true", VM, RESTART, REFUSED, "I-153",
        "Boot with UEFI secure boot."),
    ROW("security.syscalls.allow", STRING, NULL, C, RESTART, 0, "I-154",
        "System calls that are allowed, one a line."),
    ROW("security.syscalls.deny", STRING, NULL, C, RESTART, 0, "I-155",
        "System calls that are denied, one a line."),
    ROW("security.syscalls.deny_compat", BOOL, "false", C, RESTART, 0, "I-156",
        "Deny 32-bit system calls on 64-bit."),
    ROW("security.syscalls.deny_default", BOOL, "true", C, RESTART, 0, "I-157",
        "Deny the system calls that harm the host."),
    ROW(INTERCEPT "bpf", BOOL, "false", C, RESTART, REFUSED, "I-158",
        "Handle bpf for the container."),
    ROW(INTERCEPT "bpf.devices", BOOL, "false", C, RESTART, REFUSED, "I-159",
        "Allow bpf programs for device rules."),
    ROW(INTERCEPT "mknod", BOOL, "false", C, RESTART, REFUSED, "I-160",
        "Make harmless device nodes for the container."),
    ROW(INTERCEPT "mount", BOOL, "false", C, RESTART, REFUSED, "I-161",
        "Handle mount for the container."),
    ROW(INTERCEPT "mount.allowed", COMMAS, NULL, C, LIVE, REFUSED, "I-162",
        "File systems that it may mount."),
    ROW(INTERCEPT "mount.fuse", COMMAS, NULL, C, LIVE, REFUSED, "I-163",
        "File systems mounted by a FUSE program."),
    ROW(INTERCEPT "mount.shift", BOOL, "false", C, LIVE, REFUSED, "I-164",
        "Map owners on such mounts."),
    ROW(INTERCEPT "sched_setscheduler", BOOL, "false", C, RESTART, REFUSED, "I-165",
        "Allow raising of priorities."),
    ROW(INTERCEPT "setxattr", BOOL, "false", C, RESTART, REFUSED, "I-166",
        "Allow overlay's opaque mark."),
    ROW(INTERCEPT "sysinfo", BOOL, "false", C, RESTART, REFUSED, "I-167",
        "Answer sysinfo with the container's limits."),
    ROW("security.syscalls.whitelist", STRING, NULL, C, RESTART, REFUSED, "I-175",
        "Old name of security.syscalls.allow: use that."),
    ROW("security.syscalls.blacklist", STRING, NULL, C, RESTART, REFUSED, "I-175",
        "Old name of security.syscalls.deny: use that."),
    ROW("security.syscalls.blacklist_default", BOOL, "true", C, RESTART, REFUSED, "I-175",
        "Old name of security.syscalls.deny_default: use that."),
    ROW("security.syscalls.blacklist_compat", BOOL, "false", C, RESTART, REFUSED, "I-175",
        "Old name of security.syscalls.deny_compat: use that."),
    ROW("snapshots.schedule", CRON, NULL, 0, NONE, REFUSED, "I-168",
        "When to take snapshots: cron fields or aliases."),
    ROW("snapshots.schedule.stopped", BOOL, "false", 0, NONE, REFUSED, "I-169",
        "Take them of a stopped instance too."),
    ROW("snapshots.pattern", STRING, "snap%d", 0, NONE, REFUSED, "I-170", "Name of new snapshots."),
    ROW("snapshots.expiry", EXPIRY, NULL, 0, NONE, REFUSED, "I-171",
        "How long new snapshots are kept."),
    ROW("user.meta-data", STRING, NULL, 0, NONE, 0, "I-173",
        "Text for cloud-init's meta-data; stored only."),
    ROW("user.user-data", STRING, NULL, 0, NONE, 0, "I-176",
        "Old name of cloud-init.user-data; stored only."),
    ROW("user.vendor-data", STRING, NULL, 0, NONE, 0, "I-176",
        "Old name of cloud-init.vendor-data; stored only."),
    ROW("user.network-config", STRING, NULL, 0, NONE, 0, "I-176",
        "Old name of cloud-init.network-config; stored only."),
    USER_ROW("I-172"),
    ROW_END,
};

static const Row source_rows[] = {
    ROW("type", ENUM, "image", 0, REBUILD, 0, "RT-01",
        "Where the root comes from; only image is supported so far.",
        WORDS("image", "none", "copy", "migration", "backup")),
    ROW("alias", STRING, NULL, 0, REBUILD, 0, "IMG-036",
        "Name of an image of this model, or one of its aliases.", .ref = "image"),
    ROW("fingerprint", STRING, NULL, 0, REBUILD, 0, "IMG-036",
        "Fingerprint of an image, or a unique beginning of it.", .ref = "image"),
    ROW("properties", MAP, NULL, 0, REBUILD, REFUSED, "IMG-036",
        "Choose the image by its properties."),
    ROW("server", STRING, NULL, 0, REBUILD, REFUSED, "IMG-036", "Image server to take it from."),
    ROW("protocol", ENUM, "lxd", 0, REBUILD, REFUSED, "IMG-036", "Protocol of the image server.",
        WORDS("lxd", "simplestreams")),
    ROW("certificate", STRING, NULL, 0, REBUILD, REFUSED, "IMG-036",
        "Certificate of the image server (PEM)."),
    ROW("secret", STRING, NULL, 0, REBUILD, REFUSED | SECRET, "IMG-036",
        "One-time secret of a private image."),
    ROW("mode", ENUM, NULL, 0, REBUILD, REFUSED, "IMG-036", "Who opens the connection.",
        WORDS("pull", "push", "relay")),
    ROW("image_type", ENUM, NULL, 0, REBUILD, REFUSED, "IMG-036", "Type of the image.",
        WORDS("container", "virtual-machine")),
    ROW("project", STRING, NULL, 0, REBUILD, REFUSED, "IMG-036", "Project of the source.",
        .ref = "project"),
    ROW("source", STRING, NULL, 0, REBUILD, REFUSED, "I-229", "Instance or snapshot to copy."),
    ROW("base-image", STRING, NULL, 0, REBUILD, REFUSED, "I-203",
        "Image that a migrated instance was made from."),
    ROW("live", FLAG, NULL, 0, REBUILD, REFUSED, "I-604", "Move the running state too."),
    ROW("instance_only", FLAG, NULL, 0, REBUILD, REFUSED, "I-229", "Copy without snapshots."),
    ROW("container_only", FLAG, NULL, 0, REBUILD, REFUSED, "I-229", "Old name of instance_only."),
    ROW("refresh", FLAG, NULL, 0, REBUILD, REFUSED, "I-229", "Copy only what is different."),
    ROW("allow_inconsistent", FLAG, NULL, 0, REBUILD, REFUSED, "I-229", "Copy while files change."),
    ROW("operation", STRING, NULL, 0, REBUILD, REFUSED, "I-229",
        "Operation on the source of a migration."),
    ROW("secrets", MAP, NULL, 0, REBUILD, REFUSED | SECRET, "I-229",
        "Secrets of a migration's channels."),
    ROW_END,
};

static const Row any_map_rows[] = {
    ROW("*", MAP, NULL, 0, NONE, RUNTIME, "I-018", "One device."),
    ROW_END,
};

static const Row fields[] = {
    ROW("type", ENUM, "container", 0, BLOCKED, 0, "I-010",
        "System container or virtual machine; fixed for good.",
        WORDS("container", "virtual-machine")),
    DESCRIPTION_ROW("I-001"),
    ROW("architecture", ARCHITECTURE, NULL, 0, BLOCKED, 0, "I-009",
        "Architecture; the image's when unset."),
    ROW("ephemeral", FLAG, "false", 0, NONE, 0, "I-011", "Delete the instance when it stops."),
    ROW("stateful", FLAG, "false", 0, NONE, 0, "I-133",
        "A running state is saved; only false can be given."),
    ROW("profiles", LIST, NULL, 0, LIVE, 0, "PF-02",
        "Profiles in order, later ones win; [default] when absent, none when empty.",
        .ref = "profile"),
    ROW("source", OBJECT, NULL, 0, REBUILD, ROW_SHORT, "EN-08",
        "What the root is made from; `image: NAME` is the short form.", .fields = source_rows),
    ROW("instance_type", STRING, NULL, 0, BLOCKED, REFUSED, "I-551",
        "Cloud instance type, expanded into limits."),
    ROW("restore", STRING, NULL, 0, NONE, REFUSED, "I-229", "Snapshot to go back to."),
    ROW("state", ENUM, NULL, 0, LIVE, ROW_META, "EN-07", "Wanted run state; absent: not managed.",
        WORDS("running", "stopped", "frozen")),
    META_ROWS,
    /* What GET and `show` texts carry besides: ignored when read. */
    ROW("created_at", TIME, NULL, 0, NONE, RUNTIME, "I-018",
        "When it was made; computed, ignored when read."),
    ROW("last_used_at", TIME, NULL, 0, NONE, RUNTIME, "I-018",
        "When it was started last; computed, ignored when read."),
    ROW("expanded_config", MAP, NULL, 0, NONE, RUNTIME, "I-018",
        "Config with profiles folded in; computed, ignored when read."),
    ROW("expanded_devices", OBJECT, NULL, 0, NONE, RUNTIME, "I-018",
        "Devices with profiles folded in; computed, ignored when read.", .fields = any_map_rows),
    ROW("status", STRING, NULL, 0, NONE, RUNTIME, "I-018",
        "Run state; computed, ignored when read."),
    ROW("status_code", NUMBER, NULL, 0, NONE, RUNTIME, "I-018",
        "Run state as number; computed, ignored when read."),
    ROW("location", STRING, NULL, 0, NONE, RUNTIME, "I-018",
        "Cluster member; computed, ignored when read."),
    ROW_END,
};

/* I-003..I-006. */
static gboolean check_name(const char *name, GError **error)
{
    gsize length = strlen(name);

    if (length < 1 || length > 63)
        return error_set(error, ERR_INVALID,
                         "an instance name has 1 to 63 characters, \"%.80s\" has %zu", name,
                         length);
    for (const char *at = name; *at != '\0'; at++)
        if (!g_ascii_isalnum(*at) && *at != '-')
            return error_set(
                error, ERR_INVALID,
                "\"%s\" cannot name an instance: only letters, digits and '-' are allowed", name);
    if (g_ascii_isdigit(name[0]) || name[0] == '-')
        return error_set(error, ERR_INVALID,
                         "\"%s\" cannot name an instance: it must begin with a letter", name);
    if (name[length - 1] == '-')
        return error_set(error, ERR_INVALID, "\"%s\" cannot name an instance: it ends in '-'",
                         name);
    return TRUE;
}

static guint variant(const json_t *spec)
{
    const char *type = json_member_string(spec, "type");

    return g_strcmp0(type, "virtual-machine") == 0 ? ON_VM : ON_CONTAINER;
}

static void check_source(const Object *object, Problems *problems)
{
    const json_t *source = json_object_get(object->spec, "source");
    const char *type = json_member_string(source, "type");
    const char *alias = json_member_string(source, "alias");
    const char *fingerprint = json_member_string(source, "fingerprint");

    if (source == NULL) {
        problem_add(problems, PROBLEM_ERROR, object, "source",
                    "names no image: write e.g. `image: NAME`, NAME being an entry of `images`");
        return;
    }
    if (type != NULL && strcmp(type, "image") != 0) {
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "source/type",
                    "an instance from \"%s\" is not supported by this build: only from an image",
                    type);
        return;
    }
    if (alias != NULL && fingerprint != NULL)
        problem_add(problems, PROBLEM_ERROR, object, "source",
                    "name either alias or fingerprint, not both");
    else if (alias == NULL && fingerprint == NULL && json_object_get(source, "properties") == NULL)
        problem_add(problems, PROBLEM_ERROR, object, "source",
                    "names no image: give alias or fingerprint");
}

/* I-142, I-154: an allow list, a deny list and a raw policy exclude one another. Judged on what the
 * profiles give as well. */
static void check_syscalls(const Object *object, const json_t *config, Problems *problems)
{
    static const char *const denying[] = {"security.syscalls.deny",
                                          "security.syscalls.deny_default",
                                          "security.syscalls.deny_compat", NULL};
    const char *allow = json_member_string(config, "security.syscalls.allow");
    const char *raw = json_member_string(config, "raw.seccomp");

    if (raw != NULL && allow != NULL)
        problem_add(
            problems, PROBLEM_ERROR, object, "config/raw.seccomp",
            "replaces the whole policy, so that security.syscalls.allow cannot be set beside it");
    for (const char *const *key = denying; *key != NULL; key++) {
        const char *value = json_member_string(config, *key);

        if (value == NULL || (key != denying && !type_is_true(value)))
            continue;
        if (allow != NULL || raw != NULL)
            problem_add(problems, PROBLEM_ERROR, object, "config",
                        "%s and %s cannot be set together", *key,
                        allow != NULL ? "security.syscalls.allow" : "raw.seccomp");
    }
}

static void check_profiles(const Object *object, Problems *problems)
{
    const json_t *profiles = json_object_get(object->spec, "profiles");
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *profile;
    size_t i;

    json_array_foreach (profiles, i, profile) {
        const char *name = json_string_value(profile);

        if (name != NULL && !g_hash_table_add(seen, (void *)name))
            problem_add(problems, PROBLEM_ERROR, object, "profiles",
                        "the profile \"%s\" is listed twice", name);
    }
}

/* D-DISK-26, ST-016: one root disk, in a pool. */
static void check_root(const Object *object, const json_t *devices, Problems *problems)
{
    g_autoptr(GPtrArray) names = json_sorted_keys(devices);
    const char *root = NULL;

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        const json_t *device = json_object_get(devices, name);

        if (g_strcmp0(json_member_string(device, "type"), "disk") != 0 ||
            g_strcmp0(json_member_string(device, "path"), "/") != 0)
            continue;
        if (root != NULL)
            problem_add(
                problems, PROBLEM_ERROR, object, "devices",
                "has two root disks, \"%s\" and \"%s\": mask one with a device of type none", root,
                name);
        root = name;
        if (json_member_string(device, "pool") == NULL)
            problem_add(problems, PROBLEM_ERROR, object, "devices",
                        "the root disk \"%s\" names no pool", name);
    }
    if (root == NULL)
        problem_add(problems, PROBLEM_ERROR, object, "devices",
                    "has no root disk: give it or one of its profiles a disk device with path "
                    "\"/\" and a pool");
}

/* D-GEN-08, D-NIC-06: what only the whole of its devices shows. */
static void check_expanded_devices(const Snapshot *snapshot, const Object *object,
                                   const json_t *devices, Problems *problems)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) paths = g_hash_table_new(g_str_hash, g_str_equal);
    guint on = variant(object->spec);
    const char *device_name;
    json_t *device;

    json_object_foreach ((json_t *)devices, device_name, device) {
        const DeviceType *type = device_type_of(snapshot, object->id.project, device, NULL);
        const char *name = json_member_string(device, "name");
        const char *path = json_member_string(device, "path");
        g_autofree char *at = g_strdup_printf("devices/%s", device_name);

        if (type == NULL)
            continue;
        if ((type->applies & on) == 0)
            problem_add(
                problems, PROBLEM_ERROR, object, at, "a %s cannot have a device of type %s%s%s",
                on == ON_VM ? "virtual machine" : "container", type->type,
                type->variant != NULL ? " " : "", type->variant != NULL ? type->variant : "");
        if (strcmp(type->type, "nic") == 0 && name != NULL &&
            !g_hash_table_add(names, (void *)name))
            problem_add(problems, PROBLEM_ERROR, object, at,
                        "a second NIC of this instance is named \"%s\"", name);
        if (strcmp(type->type, "disk") == 0 && path != NULL && strcmp(path, "/") != 0 &&
            !g_hash_table_add(paths, (void *)path))
            problem_add(problems, PROBLEM_ERROR, object, at,
                        "a second disk of this instance has the path \"%s\"", path);
    }
}

static void check(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    g_auto(Expanded) expanded = {0};

    if (variant(object->spec) == ON_VM)
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "type",
                    "virtual machines are not supported by this build");
    if (json_is_true(json_object_get(object->spec, "stateful")))
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "stateful",
                    "a saved state is not supported by this build");
    check_source(object, problems);
    check_profiles(object, problems);
    device_check_all(snapshot, object, problems);
    expand_instance(snapshot, object, &expanded);
    check_syscalls(object, expanded.config, problems);
    check_root(object, expanded.devices, problems);
    check_expanded_devices(snapshot, object, expanded.devices, problems);
}

const Kind INSTANCE_KIND = {
    .id = KIND_INSTANCE,
    .name = "instance",
    .plural = "instances",
    .title = "instance",
    .api = "instances",
    .flags = KIND_IN_PROJECT | KIND_DEVICES | KIND_CONFIG,
    .fields = fields,
    .config = INSTANCE_CONFIG,
    .variant = variant,
    .check = check,
    .check_name = check_name,
};
