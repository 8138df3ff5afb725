#include "kind_rows.h"

#include <gio/gio.h>
#include <string.h>

#include "error.h"
#include "validate.h"

#define BR ON_BRIDGE
#define OVN ON_OVN
#define MV ON_MACVLAN
#define SR ON_SRIOV
#define PH ON_PHYSICAL

static const Row config[] = {
    ROW("bgp.peers.*.address", ADDRESS, NULL, BR | PH, LIVE, REFUSED, "BGP-10",
        "Address of a BGP peer."),
    ROW("bgp.peers.*.asn", INT, NULL, BR | PH, LIVE, REFUSED, "BGP-11", "AS number of a BGP peer.",
        BOUNDS(1, 4294967294)),
    ROW("bgp.peers.*.password", STRING, NULL, BR | PH, LIVE, REFUSED | SECRET, "BGP-12",
        "Password of a BGP session."),
    ROW("bgp.ipv4.nexthop", IPV4, NULL, BR, LIVE, REFUSED | LOCAL, "BGP-13",
        "Next hop of announced IPv4 prefixes."),
    ROW("bgp.ipv6.nexthop", IPV6, NULL, BR, LIVE, REFUSED | LOCAL, "BGP-14",
        "Next hop of announced IPv6 prefixes."),
    ROW("bridge.driver", ENUM, "native", BR, REPLACE, 0, "NET-BR-02",
        "Kernel bridge or Open vSwitch.", WORDS("native", "openvswitch")),
    ROW("bridge.external_interfaces", COMMAS, NULL, BR, LIVE, LOCAL, "NET-BR-03",
        "Interfaces of the host that become ports of the bridge."),
    ROW("bridge.hwaddr", MAC, NULL, BR | OVN, LIVE, 0, "NET-BR-04",
        "MAC of the bridge or router; drawn once when unset."),
    ROW("bridge.mode", ENUM, "standard", BR, REPLACE, 0, "NET-BR-05",
        "Ordinary bridge or fan overlay.", WORDS("standard", "fan")),
    ROW("bridge.mtu", INT, "1500", BR | OVN, LIVE, 0, "NET-BR-06",
        "MTU of the bridge and its NICs (ovn: 1442).", BOUNDS(1280, 16384)),
    ROW("dns.domain", DOMAIN, "lxd", BR | OVN, LIVE, 0, "NET-BR-07",
        "DNS domain of the instances."),
    ROW("dns.mode", ENUM, "managed", BR, LIVE, 0, "NET-BR-08",
        "DNS names: from the instances' names, from what clients send, or none.",
        WORDS("managed", "dynamic", "none")),
    ROW("dns.search", DOMAINS, NULL, BR | OVN, LIVE, 0, "NET-BR-09",
        "Search list sent by DHCP; the domain when unset."),
    ROW("dns.zone.forward", LINE, NULL, BR | OVN, LIVE, REFUSED, "NET-BR-10",
        "Zone that lists its addresses."),
    ROW("dns.zone.reverse.ipv4", LINE, NULL, BR | OVN, LIVE, REFUSED, "NET-BR-11",
        "Zone of IPv4 reverse records."),
    ROW("dns.zone.reverse.ipv6", LINE, NULL, BR | OVN, LIVE, REFUSED, "NET-BR-11",
        "Zone of IPv6 reverse records."),
    ROW("dns.nameservers", NAMESERVERS, NULL, PH, LIVE, REFUSED, "NET-PH-06",
        "DNS servers for networks behind this one."),
    ROW("fan.overlay_subnet", CIDR4, "240.0.0.0/8", BR, LIVE, REFUSED, "NET-BR-12",
        "Overlay subnet of a fan."),
    ROW("fan.type", ENUM, "vxlan", BR, LIVE, REFUSED, "NET-BR-13", "Tunnel of a fan.",
        WORDS("vxlan", "ipip")),
    ROW("fan.underlay_subnet", CIDR4, "auto", BR, LIVE, REFUSED, "NET-BR-14",
        "Underlay subnet of a fan.", WORDS("auto")),
    ROW("gvrp", BOOL, "false", MV | PH, LIVE, REFUSED, "NET-MV-04", "Register the VLAN by GVRP."),
    ROW("ipv4.address", CIDR4, "auto", BR | OVN, LIVE, GENERATED, "NET-BR-15",
        "Address of the bridge with prefix length; auto draws a free /24 at creation.",
        WORDS("auto", "none")),
    ROW("ipv4.dhcp", BOOL, "true", BR | OVN, LIVE, 0, "NET-BR-16", "Hand out IPv4 leases."),
    ROW("ipv4.dhcp.expiry", DURATION, "1h", BR, LIVE, 0, "NET-BR-17", "Time of an IPv4 lease."),
    ROW("ipv4.dhcp.gateway", IPV4, NULL, BR, LIVE, 0, "NET-BR-18",
        "Gateway told to clients; the bridge when unset."),
    ROW("ipv4.dhcp.ranges", RANGES4, NULL, BR, LIVE, 0, "NET-BR-19",
        "Addresses for leases; the whole subnet when unset."),
    ROW("ipv4.firewall", BOOL, "true", BR, LIVE, 0, "NET-BR-20", "Make filter rules for IPv4."),
    ROW("ipv4.gateway", CIDR4, NULL, PH, LIVE, REFUSED, "NET-PH-07",
        "IPv4 gateway of the uplink, with prefix length."),
    ROW("ipv4.nat", BOOL, "false", BR | OVN, LIVE, GENERATED, "NET-BR-21",
        "Masquerade what leaves the subnet; true when the address was drawn."),
    ROW("ipv4.nat.address", IPV4, NULL, BR | OVN, LIVE, 0, "NET-BR-22",
        "Source address of such traffic."),
    ROW("ipv4.nat.order", ENUM, "before", BR, NONE, 0, "NET-BR-23",
        "Place of NAT rules; stored only, as nftables chains are berth's own.",
        WORDS("before", "after")),
    ROW("ipv4.ovn.ranges", RANGES4, NULL, BR | PH, LIVE, REFUSED, "NET-BR-24",
        "Addresses for routers of ovn networks."),
    ROW("ipv4.routes", ROUTES4, NULL, BR | PH, LIVE, 0, "NET-BR-25",
        "More networks that are routed to the bridge."),
    ROW("ipv4.routes.anycast", BOOL, "false", PH, LIVE, REFUSED, "NET-PH-10",
        "One route may be used more than once."),
    ROW("ipv4.routing", BOOL, "true", BR, LIVE, 0, "NET-BR-26",
        "Forward IPv4 in and out of the bridge."),
    ROW("ipv6.address", CIDR6, "auto", BR | OVN, LIVE, GENERATED, "NET-BR-27",
        "Address of the bridge with prefix length; auto draws a free /64 at creation.",
        WORDS("auto", "none")),
    ROW("ipv6.dhcp", BOOL, "true", BR | OVN, LIVE, 0, "NET-BR-28",
        "Give more configuration by DHCPv6."),
    ROW("ipv6.dhcp.expiry", DURATION, "1h", BR, LIVE, 0, "NET-BR-29", "Time of an IPv6 lease."),
    ROW("ipv6.dhcp.ranges", RANGES6, NULL, BR, LIVE, 0, "NET-BR-30",
        "Addresses for leases; the whole subnet when unset."),
    ROW("ipv6.dhcp.stateful", BOOL, "false", BR | OVN, LIVE, 0, "NET-BR-31",
        "Hand out IPv6 addresses by DHCPv6."),
    ROW("ipv6.firewall", BOOL, "true", BR, LIVE, 0, "NET-BR-32", "Make filter rules for IPv6."),
    ROW("ipv6.gateway", CIDR6, NULL, PH, LIVE, REFUSED, "NET-PH-07",
        "IPv6 gateway of the uplink, with prefix length."),
    ROW("ipv6.nat", BOOL, "false", BR | OVN, LIVE, GENERATED, "NET-BR-33",
        "Masquerade what leaves the subnet; true when the address was drawn."),
    ROW("ipv6.nat.address", IPV6, NULL, BR | OVN, LIVE, 0, "NET-BR-34",
        "Source address of such traffic."),
    ROW("ipv6.nat.order", ENUM, "before", BR, NONE, 0, "NET-BR-34",
        "Place of NAT rules; stored only, as nftables chains are berth's own.",
        WORDS("before", "after")),
    ROW("ipv6.ovn.ranges", RANGES6, NULL, BR | PH, LIVE, REFUSED, "NET-BR-35",
        "Addresses for routers of ovn networks."),
    ROW("ipv6.routes", ROUTES6, NULL, BR | PH, LIVE, 0, "NET-BR-36",
        "More networks that are routed to the bridge."),
    ROW("ipv6.routes.anycast", BOOL, "false", PH, LIVE, REFUSED, "NET-PH-10",
        "One route may be used more than once."),
    ROW("ipv6.routing", BOOL, "true", BR, LIVE, 0, "NET-BR-37",
        "Forward IPv6 in and out of the bridge."),
    ROW("maas.subnet.ipv4", STRING, NULL, BR | MV | SR | PH, LIVE, REFUSED, "NET-BR-38",
        "MAAS subnet for IPv4."),
    ROW("maas.subnet.ipv6", STRING, NULL, BR | MV | SR | PH, LIVE, REFUSED, "NET-BR-38",
        "MAAS subnet for IPv6."),
    ROW("mtu", INT, NULL, MV | SR | PH, LIVE, REFUSED, "NET-MV-02",
        "MTU of new NICs; the parent's when unset.", BOUNDS(1280, 16384)),
    ROW("network", STRING, NULL, OVN, LIVE, REFUSED, "NET-OVN-01", "Uplink network.",
        .ref = "network"),
    ROW("ovn.ingress_mode", ENUM, "l2proxy", PH, LIVE, REFUSED, "NET-PH-11",
        "How external addresses are reached.", WORDS("l2proxy", "routed")),
    ROW("parent", STRING, NULL, MV | SR | PH, REPLACE, REFUSED | LOCAL, "NET-MV-01",
        "Interface that NICs are made on."),
    ROW("raw.dnsmasq", STRING, NULL, BR, LIVE, 0, "NET-BR-39",
        "Lines added to dnsmasq's configuration."),
    ROW("security.acls", COMMAS, NULL, BR | OVN, LIVE, REFUSED, "NET-BR-40",
        "ACLs for traffic over its boundary."),
    ROW("security.acls.default.ingress.action", ENUM, "reject", BR | OVN, LIVE, REFUSED,
        "NET-BR-41", "What happens to incoming traffic that no rule matches.",
        WORDS("allow", "reject", "drop")),
    ROW("security.acls.default.egress.action", ENUM, "reject", BR | OVN, LIVE, REFUSED, "NET-BR-41",
        "What happens to outgoing traffic that no rule matches.", WORDS("allow", "reject", "drop")),
    ROW("security.acls.default.ingress.logged", BOOL, "false", BR | OVN, LIVE, REFUSED, "NET-BR-42",
        "Log such traffic."),
    ROW("security.acls.default.egress.logged", BOOL, "false", BR | OVN, LIVE, REFUSED, "NET-BR-42",
        "Log such traffic."),
    ROW("tunnel.*.protocol", ENUM, NULL, BR, LIVE, REFUSED, "NET-BR-43", "Tunnel to another host.",
        WORDS("vxlan", "gre")),
    ROW("tunnel.*.local", ADDRESS, NULL, BR, LIVE, REFUSED, "NET-BR-44", "Own end of the tunnel."),
    ROW("tunnel.*.remote", ADDRESS, NULL, BR, LIVE, REFUSED, "NET-BR-44",
        "Other end of the tunnel."),
    ROW("tunnel.*.group", ADDRESS, "239.0.0.1", BR, LIVE, REFUSED, "NET-BR-45",
        "Multicast group of a vxlan."),
    ROW("tunnel.*.id", INT, "1", BR, LIVE, REFUSED, "NET-BR-46", "Number of a vxlan.",
        BOUNDS(0, 16777215)),
    ROW("tunnel.*.interface", IFNAME, NULL, BR, LIVE, REFUSED, "NET-BR-47",
        "Interface that a vxlan runs over; that of the default route when unset."),
    ROW("tunnel.*.port", INT, "0", BR, LIVE, REFUSED, "NET-BR-48",
        "UDP port of a vxlan; 0 is the kernel's default.", BOUNDS(0, 65535)),
    ROW("tunnel.*.ttl", INT, "1", BR, LIVE, REFUSED, "NET-BR-49", "TTL of a multicast vxlan.",
        BOUNDS(0, 255)),
    ROW("vlan", INT, NULL, MV | SR | PH, REPLACE, REFUSED, "NET-MV-03",
        "VLAN of the parent that NICs join.", BOUNDS(0, 4094)),
    ROW("volatile.bridge.hwaddr", MAC, NULL, BR | OVN, LIVE, GENERATED, "NET-BR-04",
        "MAC drawn for the bridge."),
    ROW("volatile.last_state.created", BOOL, NULL, PH, NONE, RUNTIME, "NET-PH-03",
        "The VLAN interface was made by berth."),
    ROW("volatile.network.ipv4.address", IPV4, NULL, OVN, NONE, RUNTIME, "NET-OVN-21",
        "Router address on the uplink."),
    ROW("volatile.network.ipv6.address", IPV6, NULL, OVN, NONE, RUNTIME, "NET-OVN-21",
        "Router address on the uplink."),
    USER_ROW("NET-BR-50"),
    ROW_END,
};

static const Row fields[] = {
    ROW("type", ENUM, "bridge", 0, BLOCKED, 0, "NET-001", "Type of the network; fixed for good.",
        WORDS("bridge", "ovn", "macvlan", "sriov", "physical")),
    DESCRIPTION_ROW("NET-002"),
    META_ROWS,
    USED_BY_ROW("NET-009"),
    ROW("managed", FLAG, NULL, 0, NONE, RUNTIME, "NET-002", "Computed, ignored when read."),
    ROW("status", STRING, NULL, 0, NONE, RUNTIME, "NET-002", "Computed, ignored when read."),
    ROW("locations", LIST, NULL, 0, NONE, RUNTIME, "NET-002", "Computed, ignored when read."),
    ROW_END,
};

/* NET-008; the stricter rule for bridges is in check(), as it depends on the type. */
static gboolean check_name(const char *name, GError **error)
{
    if (strpbrk(name, "?&+: \t\n") != NULL)
        return error_set(
            error, ERR_INVALID,
            "\"%s\" cannot name a network: '?', '&', '+', ':' and blanks are not allowed", name);
    return TYPE_NAME.check(NULL, name, error);
}

static const char *type_of(const json_t *spec)
{
    const char *type = json_member_string(spec, "type");

    return type != NULL ? type : "bridge";
}

static guint variant(const json_t *spec)
{
    static const struct {
        const char *type;
        guint applies;
    } types[] = {{"bridge", BR}, {"ovn", OVN}, {"macvlan", MV}, {"sriov", SR}, {"physical", PH}};

    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        if (strcmp(type_of(spec), types[i].type) == 0)
            return types[i].applies;
    return 0;
}

/* The subnet of ADDRESS/LENGTH, or NULL for words and for what the type check refuses. */
static GInetAddressMask *subnet_of(const char *cidr, GInetAddress **ret_address)
{
    g_auto(GStrv) parts = cidr != NULL ? g_strsplit(cidr, "/", 2) : NULL;
    g_autoptr(GInetAddress) address = NULL;
    g_autoptr(GInetAddressMask) mask = NULL;
    g_autofree guint8 *bytes = NULL;
    guint64 length;
    gsize size;

    if (parts == NULL || g_strv_length(parts) != 2)
        return NULL;
    address = g_inet_address_new_from_string(parts[0]);
    if (address == NULL)
        return NULL;
    size = g_inet_address_get_native_size(address);
    if (!g_ascii_string_to_unsigned(parts[1], 10, 0, size * 8, &length, NULL))
        return NULL;
    bytes = g_memdup2(g_inet_address_to_bytes(address), size);
    for (gsize bit = length; bit < size * 8; bit++)
        bytes[bit / 8] &= (guint8) ~(0x80u >> (bit % 8));
    {
        g_autoptr(GInetAddress) base =
            g_inet_address_new_from_bytes(bytes, g_inet_address_get_family(address));

        mask = g_inet_address_mask_new(base, (guint)length, NULL);
    }
    *ret_address = g_steal_pointer(&address);
    return g_steal_pointer(&mask);
}

/* All bits of the host part are `ones` or zero: the broadcast or the network address of an IPv4
 * subnet. */
static gboolean host_bits_are(GInetAddress *address, guint length, gboolean ones)
{
    const guint8 *bytes = g_inet_address_to_bytes(address);

    for (guint bit = length; bit < 32; bit++)
        if (((bytes[bit / 8] & (0x80u >> (bit % 8))) != 0) != ones)
            return FALSE;
    return TRUE;
}

/* NET-BR-15, NET-BR-27: the address of the bridge, not that of the network. */
static void check_bridge_address(const Object *object, const char *key, GInetAddress *address,
                                 GInetAddressMask *subnet, Problems *problems)
{
    g_autofree char *path = g_strdup_printf("config/%s", key);
    guint length = g_inet_address_mask_get_length(subnet);

    if (g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV6) {
        if (length < 128 && g_inet_address_equal(address, g_inet_address_mask_get_address(subnet)))
            problem_add(
                problems, PROBLEM_ERROR, object, path,
                "is the address of the network: write that of the bridge, e.g. ending in ::1");
        return;
    }
    if (length > 30)
        problem_add(problems, PROBLEM_ERROR, object, path,
                    "leaves no room for instances: a prefix of /30 is the longest");
    else if (host_bits_are(address, length, FALSE))
        problem_add(problems, PROBLEM_ERROR, object, path,
                    "is the address of the network: write that of the bridge, e.g. the first one");
    else if (host_bits_are(address, length, TRUE))
        problem_add(problems, PROBLEM_ERROR, object, path,
                    "is the broadcast address of its subnet");
}

/* NET-BR-19, NET-BR-24, NET-BR-30: ranges lie inside the subnet. */
static void check_ranges(const Object *object, const char *key, GInetAddressMask *subnet,
                         Problems *problems)
{
    g_auto(GStrv) ranges = type_items(object_config(object, key));
    g_autofree char *path = g_strdup_printf("config/%s", key);

    for (char **range = ranges; *range != NULL; range++) {
        g_auto(GStrv) ends = g_strsplit(*range, "-", 2);

        for (char **end = ends; *end != NULL; end++) {
            g_autoptr(GInetAddress) address = g_inet_address_new_from_string(*end);

            if (address != NULL && !g_inet_address_mask_matches(subnet, address)) {
                g_autofree char *text = g_inet_address_mask_to_string(subnet);

                problem_add(problems, PROBLEM_ERROR, object, path, "%s is outside the subnet %s",
                            *end, text);
            }
        }
    }
}

static void check_family(const Object *object, const char *family, Problems *problems)
{
    g_autofree char *key = g_strconcat(family, ".address", NULL);
    g_autofree char *ranges = g_strconcat(family, ".dhcp.ranges", NULL);
    g_autofree char *ovn = g_strconcat(family, ".ovn.ranges", NULL);
    g_autoptr(GInetAddress) address = NULL;
    g_autoptr(GInetAddressMask) subnet = subnet_of(object_config(object, key), &address);

    if (subnet == NULL)
        return;
    check_bridge_address(object, key, address, subnet, problems);
    check_ranges(object, ranges, subnet, problems);
    check_ranges(object, ovn, subnet, problems);
}

/* NET-BR-02, NET-BR-05. */
static void check_mode(const Object *object, Problems *problems)
{
    static const char *const with_fan[] = {"ipv4.dhcp.expiry", "ipv4.firewall", "ipv4.nat",
                                           "ipv4.nat.order", NULL};
    gboolean fan = g_strcmp0(object_config(object, "bridge.mode"), "fan") == 0;
    const char *key;
    json_t *value;

    json_object_foreach (json_object_get(object->spec, "config"), key, value) {
        g_autofree char *path = g_strdup_printf("config/%s", key);
        gboolean address_key = g_str_has_prefix(key, "ipv4.") || g_str_has_prefix(key, "ipv6.");

        if (fan && address_key && !g_strv_contains(with_fan, key))
            problem_add(problems, PROBLEM_ERROR, object, path,
                        "cannot be set while bridge.mode is fan");
        if (!fan && g_str_has_prefix(key, "fan."))
            problem_add(problems, PROBLEM_ERROR, object, path, "needs bridge.mode to be fan");
    }
    if (fan)
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "config/bridge.mode",
                    "bridge.mode fan is not supported by this build");
    if (fan && object_config(object, "bridge.hwaddr") != NULL)
        problem_add(problems, PROBLEM_ERROR, object, "config/bridge.hwaddr",
                    "cannot be set while bridge.mode is fan");
    if (g_strcmp0(object_config(object, "bridge.driver"), "openvswitch") == 0)
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "config/bridge.driver",
                    "bridge.driver openvswitch is not supported by this build");
}

static void check_bridge(const Object *object, Problems *problems)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) interfaces = type_items(object_config(object, "bridge.external_interfaces"));

    if (!TYPE_IFNAME.check(NULL, object->id.name, &error))
        problem_add(problems, PROBLEM_ERROR, object, "name", "%s", error->message);
    check_mode(object, problems);
    check_family(object, "ipv4", problems);
    check_family(object, "ipv6", problems);
    /* NET-BR-04 */
    if (object_config(object, "bridge.hwaddr") != NULL && interfaces[0] != NULL &&
        g_strcmp0(object_config(object, "ipv4.address"), "none") == 0 &&
        g_strcmp0(object_config(object, "ipv6.address"), "none") == 0)
        problem_add(problems, PROBLEM_ERROR, object, "config/bridge.hwaddr",
                    "cannot be set on a bridge with external interfaces and no address");
    for (char **interface = interfaces; *interface != NULL; interface++) {
        g_clear_error(&error);
        if (!TYPE_IFNAME.check(NULL, *interface, &error))
            problem_add(problems, PROBLEM_ERROR, object, "config/bridge.external_interfaces", "%s",
                        error->message);
        else if (strcmp(*interface, object->id.name) == 0)
            problem_add(problems, PROBLEM_ERROR, object, "config/bridge.external_interfaces",
                        "a bridge cannot be a port of itself");
    }
}

static void check(const Snapshot *snapshot, const Object *object, Problems *problems)
{
    const char *type = type_of(object->spec);

    if (strcmp(type, "bridge") == 0)
        check_bridge(object, problems);
    else
        problem_add(problems, PROBLEM_UNSUPPORTED, object, "type",
                    "networks of type %s are not supported by this build: use bridge", type);
    if ((variant(object->spec) & (MV | SR | PH)) != 0 && object_config(object, "parent") == NULL)
        problem_add(problems, PROBLEM_ERROR, object, "config/parent",
                    "a %s network needs a parent interface", type);
    /* NET-001, NET-018 */
    if (strcmp(object->id.project, "default") != 0 && strcmp(type, "ovn") != 0)
        problem_add(problems, PROBLEM_ERROR, object, "type",
                    "a project other than default can only have networks of type ovn of its own");
}

const Kind NETWORK_KIND = {
    .id = KIND_NETWORK,
    .name = "network",
    .plural = "networks",
    .title = "network",
    .api = "networks",
    .flags = KIND_IN_PROJECT | KIND_CONFIG,
    .feature = "features.networks",
    .fields = fields,
    .config = config,
    .variant = variant,
    .check = check,
    .check_name = check_name,
};
