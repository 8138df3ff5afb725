/* The device types besides nic and disk (devices.md 1, 3, 5 to 11). All but `none` are known and
 * refused by this build. */
#include "kind_rows.h"

#define C ON_CONTAINER
#define USER ROW("user.*", STRING, NULL, 0, NONE, SEALED, "D-GEN-09", "Free keys, stored only.")
#define OWNER_ROWS(uid, gid, mode, on)                                                             \
    ROW("uid", UINT32, "0", on, LIVE, 0, uid, "Owner inside the instance."),                       \
        ROW("gid", UINT32, "0", on, LIVE, 0, gid, "Group inside the instance."),                   \
        ROW("mode", OCTAL, "0660", on, LIVE, 0, mode, "File mode, in octal.")

const Row DEVICE_NONE[] = {USER, ROW_END};

/* unix-char and unix-block (D-UB-01..D-UB-10) have the same keys. */
const Row DEVICE_UNIX[] = {
    ROW("source", PATH, NULL, 0, LIVE, 0, "D-UC-01", "Device node of the host."),
    ROW("path", PATH, NULL, 0, LIVE, 0, "D-UC-02", "Path inside; the source's when unset."),
    ROW("major", UINT32, NULL, 0, LIVE, 0, "D-UC-03", "Major number; the host node's when unset."),
    ROW("minor", UINT32, NULL, 0, LIVE, 0, "D-UC-04", "Minor number; the host node's when unset."),
    OWNER_ROWS("D-UC-05", "D-UC-06", "D-UC-07", 0),
    ROW("required", BOOL, "true", 0, LIVE, 0, "D-UC-08",
        "Fail the start without it; false: it comes and goes."),
    USER,
    ROW_END,
};

const Row DEVICE_UNIX_HOTPLUG[] = {
    ROW("vendorid", HEX4, NULL, 0, LIVE, 0, "D-UH-01", "Vendor to look for."),
    ROW("productid", HEX4, NULL, 0, LIVE, 0, "D-UH-02", "Product to look for."),
    OWNER_ROWS("D-UH-03", "D-UH-04", "D-UH-05", 0),
    ROW("required", BOOL, "false", 0, LIVE, 0, "D-UH-06", "Fail the start without it."),
    USER,
    ROW_END,
};

const Row DEVICE_USB[] = {
    ROW("vendorid", HEX4, NULL, 0, LIVE, 0, "D-USB-01", "Vendor to look for; any when unset."),
    ROW("productid", HEX4, NULL, 0, LIVE, 0, "D-USB-02", "Product to look for; any when unset."),
    OWNER_ROWS("D-USB-03", "D-USB-04", "D-USB-05", C),
    ROW("required", BOOL, "false", 0, LIVE, 0, "D-USB-06", "Fail the start without it."),
    USER,
    ROW_END,
};

const Row DEVICE_GPU[] = {
    ROW("gputype", ENUM, "physical", 0, LIVE, 0, "D-GPU-01", "Whole card, or a part of one.",
        WORDS("physical", "mdev", "mig", "sriov")),
    ROW("vendorid", HEX4, NULL, 0, LIVE, 0, "D-GPU-02", "Vendor to look for."),
    ROW("productid", HEX4, NULL, 0, LIVE, 0, "D-GPU-03", "Product to look for."),
    ROW("id", STRING, NULL, 0, LIVE, 0, "D-GPU-04", "DRM card to take."),
    ROW("pci", PCI, NULL, 0, LIVE, 0, "D-GPU-05", "PCI address of the card."),
    OWNER_ROWS("D-GPU-06", "D-GPU-06", "D-GPU-07", C),
    ROW("mdev", STRING, NULL, 0, LIVE, 0, "D-GPU-08", "Profile of the mediated device."),
    ROW("mig.ci", INT, NULL, C, LIVE, 0, "D-GPU-09", "MIG compute instance.", BOUNDS(0, 255)),
    ROW("mig.gi", INT, NULL, C, LIVE, 0, "D-GPU-10", "MIG GPU instance.", BOUNDS(0, 255)),
    ROW("mig.uuid", STRING, NULL, C, LIVE, 0, "D-GPU-11", "MIG device by UUID."),
    USER,
    ROW_END,
};

const Row DEVICE_INFINIBAND[] = {
    ROW("nictype", ENUM, NULL, 0, LIVE, REQUIRED, "D-IB-01", "Whole device or a virtual function.",
        WORDS("physical", "sriov")),
    ROW("name", IFNAME, NULL, 0, LIVE, 0, "D-IB-02", "Name inside the container."),
    ROW("hwaddr", STRING, NULL, 0, LIVE, 0, "D-IB-03", "Address: all 20 bytes, or the last 8."),
    ROW("mtu", INT, NULL, 0, LIVE, 0, "D-IB-04", "MTU; the parent's when unset.",
        BOUNDS(68, 65520)),
    ROW("parent", IFNAME, NULL, 0, LIVE, REQUIRED, "D-IB-05", "Device of the host."),
    USER,
    ROW_END,
};

const Row DEVICE_PROXY[] = {
    ROW("listen", PROXY, NULL, 0, LIVE, REQUIRED, "D-PROXY-01",
        "Where to listen: TYPE:ADDRESS:PORTS or unix:PATH."),
    ROW("connect", PROXY, NULL, 0, LIVE, REQUIRED, "D-PROXY-02", "Where to connect to."),
    ROW("bind", ENUM, "host", 0, LIVE, 0, "D-PROXY-03", "Side that listens.",
        WORDS("host", "instance", "guest", "container")),
    ROW("uid", UINT32, "0", 0, LIVE, 0, "D-PROXY-04", "Owner of a listening unix socket."),
    ROW("gid", UINT32, "0", 0, LIVE, 0, "D-PROXY-05", "Group of a listening unix socket."),
    ROW("mode", OCTAL, "0644", 0, LIVE, 0, "D-PROXY-06",
        "Mode of a listening unix socket, in octal."),
    ROW("nat", BOOL, "false", 0, LIVE, 0, "D-PROXY-07", "Forward by NAT instead of a process."),
    ROW("proxy_protocol", BOOL, "false", 0, LIVE, 0, "D-PROXY-08",
        "Tell the client's address by a PROXY header."),
    ROW("security.uid", UINT32, "0", 0, LIVE, 0, "D-PROXY-09", "User of the forwarding process."),
    ROW("security.gid", UINT32, "0", 0, LIVE, 0, "D-PROXY-10", "Group of the forwarding process."),
    USER,
    ROW_END,
};

const Row DEVICE_TPM[] = {
    ROW("path", PATH, NULL, C, LIVE, 0, "D-TPM-01", "Path inside the container."),
    USER,
    ROW_END,
};

const Row DEVICE_PCI[] = {
    ROW("address", PCI, NULL, 0, LIVE, REQUIRED, "D-PCI-01", "PCI address of the device."),
    USER,
    ROW_END,
};
