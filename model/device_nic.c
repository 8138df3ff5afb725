/* The nic devices, one table for each nictype (devices.md 2). */
#include "kind_rows.h"

#define C ON_CONTAINER
#define VM ON_VM
#define MTU_BOUNDS BOUNDS(1280, 16384)
#define ON_OFF_ADDRESS WORDS("none")

#define NAME_ROW(spec)                                                                             \
    ROW("name", IFNAME, NULL, 0, LIVE, 0, spec,                                                    \
        "Name inside the instance; the next free ethN when unset.")
#define MAC_ROW(spec)                                                                              \
    ROW("hwaddr", MAC, NULL, 0, LIVE, 0, spec, "MAC inside the instance; drawn once when unset.")
#define HOST_NAME_ROW(spec)                                                                        \
    ROW("host_name", IFNAME, NULL, 0, LIVE, 0, spec, "Name on the host; drawn when unset.")
#define BOOT_ROW(spec)                                                                             \
    ROW("boot.priority", INT, NULL, VM, NONE, 0, spec,                                             \
        "Boot order of a virtual machine, highest first.")
#define LIMIT_ROWS(ingress, egress, max)                                                           \
    ROW("limits.ingress", BITRATE, NULL, 0, LIVE, 0, ingress, "Rate towards the instance."),       \
        ROW("limits.egress", BITRATE, NULL, 0, LIVE, 0, egress, "Rate from the instance."),        \
        ROW("limits.max", BITRATE, NULL, 0, LIVE, 0, max,                                          \
            "Rate in both directions, in place of the other two.")
#define MAAS_ROWS(first, second)                                                                   \
    ROW("maas.subnet.ipv4", STRING, NULL, 0, NONE, REFUSED, first, "MAAS subnet for IPv4."),       \
        ROW("maas.subnet.ipv6", STRING, NULL, 0, NONE, REFUSED, second, "MAAS subnet for IPv6.")
#define GVRP_ROW(spec)                                                                             \
    ROW("gvrp", BOOL, "false", 0, LIVE, REFUSED, spec, "Register the VLAN by GVRP.")
#define NICTYPE                                                                                    \
    ROW("nictype", ENUM, NULL, 0, LIVE, 0, "D-NIC-01",                                             \
        "Kind of NIC, when `network` does not say it.",                                            \
        WORDS("bridged", "macvlan", "sriov", "ovn", "physical", "ipvlan", "p2p", "routed"))
#define USER ROW("user.*", STRING, NULL, 0, NONE, SEALED, "D-GEN-09", "Free keys, stored only.")

const Row DEVICE_NIC_BRIDGED[] = {
    ROW("parent", IFNAME, NULL, 0, LIVE, 0, "D-NIC-BR-01",
        "Bridge of the host, in place of `network`."),
    ROW("network", STRING, NULL, 0, LIVE, 0, "D-NIC-BR-02", "Managed network.", .ref = "network"),
    NAME_ROW("D-NIC-BR-03"),
    ROW("mtu", INT, NULL, 0, LIVE, 0, "D-NIC-BR-04", "MTU of both ends; the parent's when unset.",
        MTU_BOUNDS),
    MAC_ROW("D-NIC-BR-05"),
    HOST_NAME_ROW("D-NIC-BR-06"),
    LIMIT_ROWS("D-NIC-BR-07", "D-NIC-BR-08", "D-NIC-BR-09"),
    ROW("ipv4.address", ADDRESS4, NULL, 0, LIVE, 0, "D-NIC-BR-10", "Fixed DHCP lease.",
        ON_OFF_ADDRESS),
    ROW("ipv6.address", ADDRESS6, NULL, 0, LIVE, 0, "D-NIC-BR-11", "Fixed DHCPv6 lease.",
        ON_OFF_ADDRESS),
    ROW("ipv4.routes", ROUTES4, NULL, 0, LIVE, 0, "D-NIC-BR-12",
        "Networks that the host routes to this NIC."),
    ROW("ipv6.routes", ROUTES6, NULL, 0, LIVE, 0, "D-NIC-BR-13",
        "Networks that the host routes to this NIC."),
    ROW("ipv4.routes.external", ROUTES4, NULL, 0, LIVE, REFUSED, "D-NIC-BR-14",
        "Such networks, announced by BGP too."),
    ROW("ipv6.routes.external", ROUTES6, NULL, 0, LIVE, REFUSED, "D-NIC-BR-15",
        "Such networks, announced by BGP too."),
    ROW("security.mac_filtering", BOOL, "false", 0, LIVE, REFUSED, "D-NIC-BR-16",
        "Drop frames with another MAC."),
    ROW("security.ipv4_filtering", BOOL, "false", 0, LIVE, REFUSED, "D-NIC-BR-17",
        "Drop packets with another IPv4 address."),
    ROW("security.ipv6_filtering", BOOL, "false", 0, LIVE, REFUSED, "D-NIC-BR-18",
        "Drop packets with another IPv6 address."),
    MAAS_ROWS("D-NIC-BR-19", "D-NIC-BR-20"),
    BOOT_ROW("D-NIC-BR-21"),
    ROW("vlan", INT, NULL, 0, LIVE, REFUSED, "D-NIC-BR-22", "Untagged VLAN to join.",
        BOUNDS(0, 4094)),
    ROW("vlan.tagged", VLANS, NULL, 0, LIVE, REFUSED, "D-NIC-BR-23", "Tagged VLANs to join."),
    ROW("security.port_isolation", BOOL, "false", 0, LIVE, 0, "D-NIC-BR-24",
        "No traffic to other isolated ports."),
    NICTYPE,
    USER,
    ROW_END,
};

const Row DEVICE_NIC_MACVLAN[] = {
    ROW("parent", IFNAME, NULL, 0, LIVE, 0, "D-NIC-MV-01", "Interface below."),
    ROW("network", STRING, NULL, 0, LIVE, 0, "D-NIC-MV-02", "Managed network.", .ref = "network"),
    NAME_ROW("D-NIC-MV-03"),
    ROW("mtu", INT, NULL, 0, LIVE, 0, "D-NIC-MV-04", "MTU; the parent's when unset.", MTU_BOUNDS),
    MAC_ROW("D-NIC-MV-05"),
    ROW("vlan", INT, NULL, 0, LIVE, REFUSED, "D-NIC-MV-06", "VLAN of the parent.", BOUNDS(0, 4094)),
    GVRP_ROW("D-NIC-MV-07"),
    MAAS_ROWS("D-NIC-MV-08", "D-NIC-MV-09"),
    BOOT_ROW("D-NIC-MV-10"),
    NICTYPE,
    USER,
    ROW_END,
};

const Row DEVICE_NIC_SRIOV[] = {
    ROW("parent", IFNAME, NULL, 0, LIVE, 0, "D-NIC-SR-01", "Interface with SR-IOV."),
    ROW("network", STRING, NULL, 0, LIVE, 0, "D-NIC-SR-02", "Managed network.", .ref = "network"),
    NAME_ROW("D-NIC-SR-03"),
    ROW("mtu", INT, NULL, C, LIVE, 0, "D-NIC-SR-04", "MTU.", MTU_BOUNDS),
    MAC_ROW("D-NIC-SR-05"),
    ROW("security.mac_filtering", BOOL, "false", 0, LIVE, REFUSED, "D-NIC-SR-06",
        "Fix the MAC in the card."),
    ROW("vlan", INT, NULL, 0, LIVE, REFUSED, "D-NIC-SR-07", "VLAN of the virtual function.",
        BOUNDS(0, 4094)),
    MAAS_ROWS("D-NIC-SR-08", "D-NIC-SR-08"),
    BOOT_ROW("D-NIC-SR-09"),
    NICTYPE,
    USER,
    ROW_END,
};

const Row DEVICE_NIC_OVN[] = {
    ROW("network", STRING, NULL, 0, LIVE, REQUIRED, "D-NIC-OVN-01", "Managed ovn network.",
        .ref = "network"),
    ROW("acceleration", ENUM, "none", 0, LIVE, REFUSED, "D-NIC-OVN-02", "Offload to the card.",
        WORDS("none", "sriov")),
    NAME_ROW("D-NIC-OVN-03"),
    HOST_NAME_ROW("D-NIC-OVN-04"),
    MAC_ROW("D-NIC-OVN-05"),
    ROW("ipv4.address", ADDRESS4, NULL, 0, LIVE, 0, "D-NIC-OVN-06", "Fixed DHCP address.",
        ON_OFF_ADDRESS),
    ROW("ipv6.address", ADDRESS6, NULL, 0, LIVE, 0, "D-NIC-OVN-07", "Fixed DHCPv6 address.",
        ON_OFF_ADDRESS),
    ROW("ipv4.routes", ROUTES4, NULL, 0, LIVE, 0, "D-NIC-OVN-08", "Networks routed to the NIC."),
    ROW("ipv6.routes", ROUTES6, NULL, 0, LIVE, 0, "D-NIC-OVN-09", "Networks routed to the NIC."),
    ROW("ipv4.routes.external", ROUTES4, NULL, 0, LIVE, REFUSED, "D-NIC-OVN-10",
        "Networks published on the uplink."),
    ROW("ipv6.routes.external", ROUTES6, NULL, 0, LIVE, REFUSED, "D-NIC-OVN-11",
        "Networks published on the uplink."),
    BOOT_ROW("D-NIC-OVN-12"),
    ROW("security.acls", COMMAS, NULL, 0, LIVE, REFUSED, "D-NIC-OVN-13", "Network ACLs."),
    ROW("security.acls.default.ingress.action", ENUM, "reject", 0, LIVE, REFUSED, "D-NIC-OVN-14",
        "What happens to incoming traffic that no rule matches.", WORDS("allow", "reject", "drop")),
    ROW("security.acls.default.egress.action", ENUM, "reject", 0, LIVE, REFUSED, "D-NIC-OVN-15",
        "What happens to outgoing traffic that no rule matches.", WORDS("allow", "reject", "drop")),
    ROW("security.acls.default.ingress.logged", BOOL, "false", 0, LIVE, REFUSED, "D-NIC-OVN-16",
        "Log such traffic."),
    ROW("security.acls.default.egress.logged", BOOL, "false", 0, LIVE, REFUSED, "D-NIC-OVN-17",
        "Log such traffic."),
    NICTYPE,
    USER,
    ROW_END,
};

const Row DEVICE_NIC_PHYSICAL[] = {
    ROW("parent", IFNAME, NULL, 0, LIVE, 0, "D-NIC-PH-01",
        "Interface of the host that moves into the instance."),
    ROW("network", STRING, NULL, 0, LIVE, 0, "NET-PH-13", "Managed physical network.",
        .ref = "network"),
    NAME_ROW("D-NIC-PH-02"),
    ROW("mtu", INT, NULL, C, LIVE, 0, "D-NIC-PH-03", "MTU; the parent's when unset.", MTU_BOUNDS),
    ROW("hwaddr", MAC, NULL, C, LIVE, 0, "D-NIC-PH-04", "MAC; its own when unset."),
    ROW("vlan", INT, NULL, C, LIVE, REFUSED, "D-NIC-PH-05", "Move this VLAN of the parent.",
        BOUNDS(0, 4094)),
    GVRP_ROW("D-NIC-PH-06"),
    MAAS_ROWS("D-NIC-PH-07", "D-NIC-PH-08"),
    BOOT_ROW("D-NIC-PH-09"),
    NICTYPE,
    USER,
    ROW_END,
};

const Row DEVICE_NIC_IPVLAN[] = {
    ROW("parent", IFNAME, NULL, 0, RESTART, REQUIRED, "D-NIC-IV-01",
        "Interface whose MAC is shared."),
    NAME_ROW("D-NIC-IV-02"),
    ROW("mtu", INT, NULL, 0, RESTART, 0, "D-NIC-IV-03", "MTU; the parent's when unset.",
        MTU_BOUNDS),
    ROW("mode", ENUM, "l3s", 0, RESTART, 0, "D-NIC-IV-04", "Mode of the ipvlan.",
        WORDS("l2", "l3s")),
    ROW("hwaddr", MAC, NULL, 0, NONE, 0, "D-NIC-IV-05", "Stored only: the MAC is the parent's."),
    ROW("ipv4.address", COMMAS, NULL, 0, RESTART, 0, "D-NIC-IV-06",
        "IPv4 addresses, with prefix length in mode l2."),
    ROW("ipv4.gateway", ADDRESS4, "auto", 0, RESTART, 0, "D-NIC-IV-07", "Default gateway.",
        WORDS("auto", "none")),
    ROW("ipv4.host_table", UINT32, NULL, 0, RESTART, 0, "D-NIC-IV-08",
        "One more routing table for its routes."),
    ROW("ipv6.address", COMMAS, NULL, 0, RESTART, 0, "D-NIC-IV-09",
        "IPv6 addresses, with prefix length in mode l2."),
    ROW("ipv6.gateway", ADDRESS6, "auto", 0, RESTART, 0, "D-NIC-IV-10", "Default gateway.",
        WORDS("auto", "none")),
    ROW("ipv6.host_table", UINT32, NULL, 0, RESTART, 0, "D-NIC-IV-11",
        "One more routing table for its routes."),
    ROW("vlan", INT, NULL, 0, RESTART, REFUSED, "D-NIC-IV-12", "VLAN of the parent.",
        BOUNDS(0, 4094)),
    GVRP_ROW("D-NIC-IV-13"),
    NICTYPE,
    USER,
    ROW_END,
};

const Row DEVICE_NIC_P2P[] = {
    NAME_ROW("D-NIC-P2P-01"),
    ROW("mtu", INT, NULL, 0, LIVE, 0, "D-NIC-P2P-02",
        "MTU of both ends; the kernel's default when unset.", MTU_BOUNDS),
    MAC_ROW("D-NIC-P2P-03"),
    HOST_NAME_ROW("D-NIC-P2P-04"),
    LIMIT_ROWS("D-NIC-P2P-05", "D-NIC-P2P-06", "D-NIC-P2P-07"),
    ROW("ipv4.routes", ROUTES4, NULL, 0, LIVE, 0, "D-NIC-P2P-08",
        "Networks that the host routes to this NIC."),
    ROW("ipv6.routes", ROUTES6, NULL, 0, LIVE, 0, "D-NIC-P2P-09",
        "Networks that the host routes to this NIC."),
    BOOT_ROW("D-NIC-P2P-10"),
    NICTYPE,
    USER,
    ROW_END,
};

const Row DEVICE_NIC_ROUTED[] = {
    ROW("parent", IFNAME, NULL, 0, LIVE, 0, "D-NIC-RT-01", "Interface whose network is joined."),
    NAME_ROW("D-NIC-RT-02"),
    HOST_NAME_ROW("D-NIC-RT-03"),
    ROW("mtu", INT, NULL, 0, LIVE, 0, "D-NIC-RT-04", "MTU; the parent's when unset.", MTU_BOUNDS),
    MAC_ROW("D-NIC-RT-05"),
    LIMIT_ROWS("D-NIC-RT-06", "D-NIC-RT-07", "D-NIC-RT-08"),
    ROW("ipv4.address", ADDRESSES4, NULL, 0, LIVE, 0, "D-NIC-RT-09",
        "Addresses inside the instance."),
    ROW("ipv4.routes", ROUTES4, NULL, 0, LIVE, 0, "D-NIC-RT-10",
        "More networks routed to the NIC."),
    ROW("ipv4.gateway", ENUM, "auto", 0, LIVE, 0, "D-NIC-RT-11", "Default route inside.",
        WORDS("auto", "none")),
    ROW("ipv4.host_address", IPV4, "169.254.0.1", 0, LIVE, 0, "D-NIC-RT-12",
        "Address of the host's end."),
    ROW("ipv4.host_table", UINT32, NULL, 0, LIVE, 0, "D-NIC-RT-13",
        "One more routing table for its routes."),
    ROW("ipv4.neighbor_probe", BOOL, "true", 0, LIVE, 0, "D-NIC-RT-14",
        "Look for others with the address before the start."),
    ROW("ipv6.address", ADDRESSES6, NULL, 0, LIVE, 0, "D-NIC-RT-15",
        "Addresses inside the instance."),
    ROW("ipv6.routes", ROUTES6, NULL, 0, LIVE, 0, "D-NIC-RT-16",
        "More networks routed to the NIC."),
    ROW("ipv6.gateway", ENUM, "auto", 0, LIVE, 0, "D-NIC-RT-17", "Default route inside.",
        WORDS("auto", "none")),
    ROW("ipv6.host_address", IPV6, "fe80::1", 0, LIVE, 0, "D-NIC-RT-18",
        "Address of the host's end."),
    ROW("ipv6.host_table", UINT32, NULL, 0, LIVE, 0, "D-NIC-RT-19",
        "One more routing table for its routes."),
    ROW("ipv6.neighbor_probe", BOOL, "true", 0, LIVE, 0, "D-NIC-RT-20",
        "Look for others with the address before the start."),
    ROW("vlan", INT, NULL, 0, LIVE, REFUSED, "D-NIC-RT-21", "VLAN of the parent.", BOUNDS(0, 4094)),
    GVRP_ROW("D-NIC-RT-22"),
    NICTYPE,
    USER,
    ROW_END,
};
