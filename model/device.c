/* The registry of device types, and the rules across the keys of one entry. */
#include "kind_rows.h"

#include <gio/gio.h>
#include <string.h>

#include "error.h"
#include "validate.h"

#define C ON_CONTAINER
#define VM ON_VM
#define NOT_YET .unsupported = TRUE

const DeviceType DEVICE_TYPES[] = {
    {"none", NULL, C | VM, DEVICE_NONE,
     .summary = "Masks a device of the same name from an earlier profile.", .spec_id = "D-NONE-01"},
    {"nic", "bridged", C | VM, DEVICE_NIC_BRIDGED, .summary = "NIC on a bridge.",
     .spec_id = "D-NIC-02"},
    {"nic", "macvlan", C | VM, DEVICE_NIC_MACVLAN, NOT_YET,
     .summary = "NIC beside an interface of the host.", .spec_id = "D-NIC-02"},
    {"nic", "sriov", C | VM, DEVICE_NIC_SRIOV, NOT_YET,
     .summary = "Virtual function of a network card.", .spec_id = "D-NIC-02"},
    {"nic", "ovn", C | VM, DEVICE_NIC_OVN, NOT_YET, .summary = "NIC on an ovn network.",
     .spec_id = "D-NIC-03"},
    {"nic", "physical", C | VM, DEVICE_NIC_PHYSICAL, NOT_YET,
     .summary = "Interface of the host, moved inside.", .spec_id = "D-NIC-04"},
    {"nic", "ipvlan", C, DEVICE_NIC_IPVLAN, NOT_YET, .summary = "NIC that shares its parent's MAC.",
     .spec_id = "D-NIC-04"},
    {"nic", "p2p", C | VM, DEVICE_NIC_P2P, .summary = "Pair of interfaces, one end on the host.",
     .spec_id = "D-NIC-04"},
    {"nic", "routed", C | VM, DEVICE_NIC_ROUTED, NOT_YET,
     .summary = "NIC whose addresses the host routes.", .spec_id = "D-NIC-04"},
    {"disk", NULL, C | VM, DEVICE_DISK, .summary = "Root disk, or a path of the host.",
     .spec_id = "D-GEN-07"},
    {"unix-char", NULL, C, DEVICE_UNIX, NOT_YET, .summary = "Character device of the host.",
     .spec_id = "D-GEN-07"},
    {"unix-block", NULL, C, DEVICE_UNIX, NOT_YET, .summary = "Block device of the host.",
     .spec_id = "D-GEN-07"},
    {"unix-hotplug", NULL, C, DEVICE_UNIX_HOTPLUG, NOT_YET,
     .summary = "Device nodes that come and go.", .spec_id = "D-GEN-07"},
    {"usb", NULL, C | VM, DEVICE_USB, NOT_YET, .summary = "USB device.", .spec_id = "D-GEN-07"},
    {"gpu", NULL, C | VM, DEVICE_GPU, NOT_YET, .summary = "Graphics card.", .spec_id = "D-GEN-07"},
    {"infiniband", NULL, C, DEVICE_INFINIBAND, NOT_YET, .summary = "InfiniBand device.",
     .spec_id = "D-GEN-07"},
    {"proxy", NULL, C | VM, DEVICE_PROXY, NOT_YET, .summary = "Forwards connections.",
     .spec_id = "D-GEN-07"},
    {"tpm", NULL, C | VM, DEVICE_TPM, NOT_YET, .summary = "Software TPM.", .spec_id = "D-GEN-07"},
    {"pci", NULL, VM, DEVICE_PCI, NOT_YET, .summary = "PCI device.", .spec_id = "D-GEN-07"},
    {.type = NULL},
};

static const DeviceType *find(const char *type, const char *nictype)
{
    for (const DeviceType *at = DEVICE_TYPES; at->type != NULL; at++)
        if (strcmp(at->type, type) == 0 &&
            (at->variant == NULL || g_strcmp0(at->variant, nictype) == 0))
            return at;
    return NULL;
}

/* The nictype that a managed network gives; bridged while the network is not known (its absence is
 * another problem). */
static const char *nictype_of_network(const Snapshot *snapshot, const char *project,
                                      const char *name)
{
    const Object *network =
        snapshot != NULL ? snapshot_resolve(snapshot, KIND_NETWORK, project, name) : NULL;
    const char *type = network != NULL ? json_member_string(network->spec, "type") : NULL;

    return type == NULL || strcmp(type, "bridge") == 0 ? "bridged" : type;
}

const DeviceType *device_type_of(const Snapshot *snapshot, const char *project,
                                 const json_t *device, GError **error)
{
    const char *type = json_member_string(device, "type");
    const char *nictype = json_member_string(device, "nictype");
    const char *network = json_member_string(device, "network");
    const DeviceType *found;

    if (type == NULL)
        return error_set(error, ERR_INVALID,
                         "names no type: write e.g. `type: nic` or `type: disk`"),
               NULL;
    if (strcmp(type, "nic") == 0 && network != NULL) {
        const char *given = nictype_of_network(snapshot, project, network);

        /* D-NIC-01: with ovn a nictype is ignored. */
        if (nictype != NULL && strcmp(given, "ovn") != 0)
            return error_set(error, ERR_INVALID, "names both nictype and network: keep one"), NULL;
        nictype = given;
    }
    if (strcmp(type, "nic") == 0 && nictype == NULL)
        return error_set(error, ERR_INVALID, "names neither network nor nictype: a nic needs one"),
               NULL;
    found = find(type, nictype);
    if (found != NULL)
        return found;
    if (strcmp(type, "nic") == 0)
        return error_set(error, ERR_INVALID,
                         "unknown nictype \"%s\": allowed are bridged, macvlan, sriov, physical, "
                         "ipvlan, p2p and routed",
                         nictype),
               NULL;
    return error_set(error, ERR_INVALID,
                     "unknown device type \"%s\": allowed are none, nic, disk, unix-char, "
                     "unix-block, usb, gpu, "
                     "infiniband, proxy, unix-hotplug, tpm and pci",
                     type),
           NULL;
}

/* Where the problems of one device are reported. */
typedef struct {
    const Snapshot *snapshot;
    const Object *object;
    const char *name;
    const json_t *device;
    Problems *problems;
} Entry;

G_GNUC_PRINTF(3, 4) static void report(const Entry *entry, const char *key, const char *format, ...)
{
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    path = key != NULL ? g_strdup_printf("devices/%s/%s", entry->name, key)
                       : g_strdup_printf("devices/%s", entry->name);
    problem_add(entry->problems, PROBLEM_ERROR, entry->object, path, "%s", text);
}

static const char *value(const Entry *entry, const char *key)
{
    return json_member_string(entry->device, key);
}

/* D-DISK-04, 05, 06, 08, 10, 11, 13, 15, 18, 26, 27. */
static void check_disk(const Entry *entry)
{
    const char *path = value(entry, "path"), *source = value(entry, "source"),
               *pool = value(entry, "pool");
    gboolean root = g_strcmp0(path, "/") == 0;
    gboolean ceph = source != NULL &&
                    (g_str_has_prefix(source, "ceph:") || g_str_has_prefix(source, "cephfs:"));
    gboolean cloud_init = g_strcmp0(source, "cloud-init:config") == 0;

    if (root) {
        if (source != NULL)
            report(entry, "source", "the root disk has no source: leave it out");
        if (value(entry, "recursive") != NULL)
            report(entry, "recursive", "the root disk cannot be recursive");
    } else {
        if (source == NULL)
            report(entry, NULL,
                   "a disk needs a source: a path of the host (only the root disk, path \"/\", has "
                   "none)");
        if (path == NULL && pool == NULL && !cloud_init)
            report(entry, NULL, "a disk needs a path: where it is mounted in the instance");
        if (value(entry, "size") != NULL)
            report(entry, "size", "only the root disk has a size");
        if (value(entry, "size.state") != NULL)
            report(entry, "size.state", "only the root disk has a size.state");
        if (source != NULL && pool == NULL && !ceph && !cloud_init && !g_path_is_absolute(source))
            report(entry, "source", "\"%s\" is no absolute path", source);
        if (source != NULL && pool != NULL && g_path_is_absolute(source))
            report(entry, "source", "with pool, the source is the name of a volume, not a path");
        if (source != NULL && pool != NULL)
            problem_add(entry->problems, PROBLEM_UNSUPPORTED, entry->object, "devices",
                        "device %s: custom volumes are not supported by this build", entry->name);
        if (ceph || cloud_init)
            problem_add(entry->problems, PROBLEM_UNSUPPORTED, entry->object, "devices",
                        "device %s: a disk from \"%s\" is not supported by this build", entry->name,
                        source);
    }
    if (!ceph &&
        (value(entry, "ceph.user_name") != NULL || value(entry, "ceph.cluster_name") != NULL))
        report(entry, NULL, "ceph.* keys need a source that begins with ceph: or cephfs:");
    if (type_is_true(value(entry, "recursive")) && type_is_true(value(entry, "readonly")))
        report(entry, "recursive", "a recursive disk cannot be read-only");
    if (value(entry, "required") != NULL && value(entry, "optional") != NULL)
        report(entry, "optional", "is the opposite of `required`: keep one of the two");
    if (pool != NULL && value(entry, "shift") != NULL)
        report(entry, "shift", "is for paths of the host, not for volumes in a pool");
}

/* A key that comes from the managed network (D-NIC-05). */
static void check_inherited(const Entry *entry, const char *const *keys)
{
    if (value(entry, "network") == NULL)
        return;
    for (; *keys != NULL; keys++)
        if (value(entry, *keys) != NULL)
            report(entry, *keys, "comes from the network: leave it out");
}

/* The address of a network: what was given, or for "auto" what was drawn. */
static const char *network_address(const Object *network, const char *key)
{
    const char *given = object_config(network, key);

    return g_strcmp0(given, "auto") == 0 ? json_member_string(network->generated, key) : given;
}

/* D-NIC-BR-10, D-NIC-BR-11, NET-020: a fixed lease fits its network. */
static void check_lease(const Entry *entry, const Object *network, const char *key,
                        const char *filter)
{
    const char *address = value(entry, key);
    const char *subnet = network != NULL ? network_address(network, key) : NULL;
    g_auto(GStrv) parts = NULL;
    g_autoptr(GInetAddress) wanted = NULL;
    g_autoptr(GInetAddress) bridge = NULL;
    gboolean filtered = type_is_true(value(entry, filter));

    if (address == NULL)
        return;
    if (strcmp(address, "none") == 0) {
        if (!filtered)
            report(entry, key, "\"none\" needs %s", filter);
        return;
    }
    wanted = g_inet_address_new_from_string(address);
    if (value(entry, "network") == NULL && !filtered)
        report(
            entry, key,
            "a fixed address needs a managed network: name it with `network` instead of `parent`");
    if (subnet == NULL || wanted == NULL)
        return;
    if (strcmp(subnet, "none") == 0) {
        report(entry, key, "the network \"%s\" has no %s", network->id.name, key);
        return;
    }
    parts = g_strsplit(subnet, "/", 2);
    bridge = g_inet_address_new_from_string(parts[0]);
    if (g_strv_length(parts) != 2 || bridge == NULL)
        return;
    if (g_inet_address_equal(bridge, wanted)) {
        report(entry, key, "%s is the address of the network \"%s\" itself", address,
               network->id.name);
    } else {
        guint64 length = g_ascii_strtoull(parts[1], NULL, 10);
        const guint8 *left = g_inet_address_to_bytes(bridge),
                     *right = g_inet_address_to_bytes(wanted);
        gsize size = g_inet_address_get_native_size(bridge);
        gboolean inside =
            size == g_inet_address_get_native_size(wanted) && length <= size * 8 &&
            memcmp(left, right, length / 8) == 0 &&
            (length % 8 == 0 || ((left[length / 8] ^ right[length / 8]) >> (8 - length % 8)) == 0);

        if (!inside)
            report(entry, key, "%s is outside the subnet %s of the network \"%s\"", address, subnet,
                   network->id.name);
    }
}

static void check_bridged(const Entry *entry)
{
    static const char *const inherited[] = {"parent", "mtu", "maas.subnet.ipv4", "maas.subnet.ipv6",
                                            NULL};
    const char *name = value(entry, "network");
    const Object *network = name != NULL ? snapshot_resolve(entry->snapshot, KIND_NETWORK,
                                                            entry->object->id.project, name)
                                         : NULL;

    if (name == NULL && value(entry, "parent") == NULL)
        report(entry, NULL, "names neither network nor parent: a bridged nic needs one");
    check_inherited(entry, inherited);
    check_lease(entry, network, "ipv4.address", "security.ipv4_filtering");
    check_lease(entry, network, "ipv6.address", "security.ipv6_filtering");
    if (network == NULL)
        return;
    if (g_strcmp0(value(entry, "ipv4.address"), "none") != 0 &&
        value(entry, "ipv4.address") != NULL &&
        !type_is_true(value(entry, "security.ipv4_filtering")) &&
        !type_is_true(object_config_or_default(network, "ipv4.dhcp")))
        report(entry, "ipv4.address", "needs ipv4.dhcp on the network \"%s\"", name);
    if (g_strcmp0(value(entry, "ipv6.address"), "none") != 0 &&
        value(entry, "ipv6.address") != NULL &&
        !type_is_true(value(entry, "security.ipv6_filtering")) &&
        !(type_is_true(object_config_or_default(network, "ipv6.dhcp")) &&
          type_is_true(object_config_or_default(network, "ipv6.dhcp.stateful"))))
        report(entry, "ipv6.address", "needs ipv6.dhcp.stateful on the network \"%s\"", name);
}

static void check_nic(const Entry *entry, const DeviceType *type)
{
    static const char *const from_macvlan[] = {
        "parent", "mtu", "vlan", "gvrp", "maas.subnet.ipv4", "maas.subnet.ipv6", NULL};
    static const char *const from_ovn[] = {"mtu", NULL};

    if (strcmp(type->variant, "bridged") == 0) {
        check_bridged(entry);
    } else if (strcmp(type->variant, "macvlan") == 0 || strcmp(type->variant, "sriov") == 0 ||
               strcmp(type->variant, "physical") == 0) {
        if (value(entry, "network") == NULL && value(entry, "parent") == NULL)
            report(entry, NULL, "a %s nic needs a parent interface", type->variant);
        check_inherited(entry, from_macvlan);
    } else if (strcmp(type->variant, "ovn") == 0) {
        check_inherited(entry, from_ovn);
    } else if (strcmp(type->variant, "routed") == 0) {
        /* D-NIC-RT-10, D-NIC-RT-16, D-NIC-RT-21 */
        if (value(entry, "ipv4.routes") != NULL && value(entry, "ipv4.address") == NULL)
            report(entry, "ipv4.routes", "needs ipv4.address");
        if (value(entry, "ipv6.routes") != NULL && value(entry, "ipv6.address") == NULL)
            report(entry, "ipv6.routes", "needs ipv6.address");
        if (value(entry, "vlan") != NULL && value(entry, "parent") == NULL)
            report(entry, "vlan", "needs a parent interface");
    }
}

static void check_others(const Entry *entry, const char *type)
{
    if (g_str_has_prefix(type, "unix-") && strcmp(type, "unix-hotplug") != 0 &&
        value(entry, "source") == NULL && value(entry, "path") == NULL)
        report(entry, NULL, "a %s device needs a source or a path", type);
    if (strcmp(type, "unix-hotplug") == 0 && value(entry, "vendorid") == NULL &&
        value(entry, "productid") == NULL)
        report(entry, NULL, "a unix-hotplug device needs a vendorid or a productid");
    /* D-GPU-04, D-GPU-12 */
    if (strcmp(type, "gpu") == 0) {
        if (value(entry, "id") != NULL &&
            (value(entry, "pci") != NULL || value(entry, "vendorid") != NULL ||
             value(entry, "productid") != NULL))
            report(entry, "id", "excludes pci, vendorid and productid");
        if (value(entry, "mig.uuid") != NULL &&
            (value(entry, "mig.ci") != NULL || value(entry, "mig.gi") != NULL))
            report(entry, "mig.uuid", "excludes mig.ci and mig.gi");
    }
    /* D-PROXY-20, D-PROXY-24 */
    if (strcmp(type, "proxy") == 0 && type_is_true(value(entry, "nat")) &&
        value(entry, "bind") != NULL && strcmp(value(entry, "bind"), "host") != 0)
        report(entry, "bind", "must be host with nat");
}

gboolean device_is_root(const json_t *device)
{
    return g_strcmp0(json_member_string(device, "type"), "disk") == 0 &&
           g_strcmp0(json_member_string(device, "path"), "/") == 0;
}

void device_check_all(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    const json_t *devices = json_object_get(object->spec, "devices");
    const char *root = NULL, *name;
    json_t *device;

    json_object_foreach ((json_t *)devices, name, device) {
        const Entry entry = {snapshot, object, name, device, problems};
        const DeviceType *type = device_type_of(snapshot, object->id.project, device, NULL);

        if (type == NULL)
            continue; /* reported with the object's own fields */
        if (strcmp(type->type, "disk") == 0) {
            check_disk(&entry);
            /* PF-20, D-DISK-26 */
            if (device_is_root(device)) {
                if (root != NULL)
                    report(&entry, NULL, "a second root disk beside \"%s\"", root);
                root = name;
            }
        } else if (strcmp(type->type, "nic") == 0) {
            check_nic(&entry, type);
        } else {
            check_others(&entry, type->type);
        }
    }
}
