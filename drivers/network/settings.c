#include "settings.h"

#include <string.h>

#include "network.h"

/* "ipv4" + ".dhcp": the value in effect. */
static const char *family_value(const Object *network, int version, const char *suffix)
{
    g_autofree char *key = g_strdup_printf("ipv%d.%s", version, suffix);
    const char *value = object_config_or_default(network, key);

    return value != NULL && *value != '\0' ? value : NULL;
}

static const char *own_value(const Object *network, const char *key)
{
    return json_member_string(json_object_get(network->spec, "config"), key);
}

const char *settings_address(const Object *network, int version)
{
    g_autofree char *key = g_strdup_printf("ipv%d.address", version);
    const char *own = own_value(network, key);

    if (own == NULL || *own == '\0' || strcmp(own, "auto") == 0)
        return json_member_string(network->generated, key);
    return strcmp(own, "none") == 0 ? NULL : own;
}

/* What was drawn for NAT belongs to the drawn address, and says nothing of another one (NET-BR-60,
 * NET-BR-61). */
static gboolean nat_of(const Object *network, int version)
{
    g_autofree char *nat = g_strdup_printf("ipv%d.nat", version);
    g_autofree char *address = g_strdup_printf("ipv%d.address", version);
    const char *own = own_value(network, nat);

    if (own != NULL && *own != '\0')
        return type_is_true(own);
    return type_is_true(json_member_string(network->generated, nat)) &&
           settings_address(network, version) == json_member_string(network->generated, address);
}

void settings_family(const Object *network, int version, Family *ret)
{
    const char *address = settings_address(network, version);
    const char *value;

    memset(ret, 0, sizeof(*ret));
    ret->version = version;
    ret->present = address != NULL && subnet_parse(address, &ret->subnet);
    if (!ret->present)
        return;
    ret->nat = nat_of(network, version);
    ret->firewall = type_is_true(family_value(network, version, "firewall"));
    ret->routing = type_is_true(family_value(network, version, "routing"));
    ret->dhcp = type_is_true(family_value(network, version, "dhcp"));
    value = version == 6 ? family_value(network, version, "dhcp.stateful") : NULL;
    ret->stateful = value != NULL && type_is_true(value);
    ret->nat_address = family_value(network, version, "nat.address");
    ret->expiry = family_value(network, version, "dhcp.expiry");
    ret->gateway = version == 4 ? family_value(network, version, "dhcp.gateway") : NULL;
    ret->ranges = family_value(network, version, "dhcp.ranges");
    ret->routes = family_value(network, version, "routes");
}

const char *settings_mac(const Object *network)
{
    const char *own = own_value(network, "bridge.hwaddr");

    return own != NULL && *own != '\0' ? own : object_config(network, "volatile.bridge.hwaddr");
}

DnsMode settings_dns_mode(const Object *network)
{
    const char *mode = object_config_or_default(network, "dns.mode");

    if (g_strcmp0(mode, "none") == 0)
        return DNS_NONE;
    return g_strcmp0(mode, "dynamic") == 0 ? DNS_DYNAMIC : DNS_MANAGED;
}

const char *settings_domain(const Object *network)
{
    return object_config_or_default(network, "dns.domain");
}

guint network_mtu(const Object *network)
{
    const char *mtu = object_config_or_default(network, "bridge.mtu");

    return mtu != NULL ? (guint)g_ascii_strtoull(mtu, NULL, 10) : 1500;
}

gboolean network_has_server(const Object *network)
{
    return settings_address(network, 4) != NULL || settings_address(network, 6) != NULL;
}

char *network_mark(const char *key)
{
    return g_strconcat("berth:", key, NULL);
}
