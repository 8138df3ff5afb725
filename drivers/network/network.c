#include "network.h"

#include <string.h>

#include "chains.h"
#include "error.h"
#include "expect.h"
#include "firewall/nft.h"
#include "folder.h"
#include "forwarding.h"
#include "host_look.h"
#include "observe.h"
#include "prepare.h"
#include "server.h"
#include "watched.h"

/* The network's link if it is there and ours. FALSE with ERR_EXISTS when somebody else's is in the
 * way; NULL in `ret` when there is none. */
static gboolean find_own(const Step *step, Link **ret, GError **error)
{
    const char *name = server_network_of(step->key);
    g_autoptr(GError) local = NULL;
    g_autoptr(Link) link = link_get(name, &local);

    if (link == NULL && !g_error_matches(local, BERTH_ERROR, ERR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if (link != NULL && !network_owns(link, step->key))
        return network_refuse(error, name);
    *ret = g_steal_pointer(&link);
    return TRUE;
}

static gboolean alter_link(const char *name, const char *mark, const json_t *fact, GError **error)
{
    return link_set_alias(name, mark, error) &&
           link_set_mac(name, json_member_string(fact, "mac"), error) &&
           link_set_mtu(name, (guint)json_integer_value(json_object_get(fact, "mtu")), error) &&
           link_set_up(name, json_is_true(json_object_get(fact, "up")), error);
}

static gboolean ensure_link(Host *host, const Step *step, GError **error)
{
    const char *name = server_network_of(step->key);
    g_autofree char *mark = network_mark(step->key);
    g_autoptr(Link) link = NULL;

    if (!find_own(step, &link, error)) {
        /* What is not ours need not go. */
        if (step->to == NULL)
            g_clear_error(error);
        return step->to == NULL;
    }
    if (step->to == NULL)
        return link == NULL || link_delete(name, error);
    if (link != NULL)
        return alter_link(name, mark, step->to, error);
    if (link_add_bridge(name, json_member_string(step->to, "mac"),
                        (guint)json_integer_value(json_object_get(step->to, "mtu")), mark, error) &&
        alter_link(name, mark, step->to, error))
        return TRUE;
    if (find_own(step, &link, NULL) && link != NULL)
        link_delete(name, NULL);
    return FALSE;
}

/* Facts of a link go with it; there is nothing to put back where it is gone. */
static gboolean ensure_sysctl(Host *host, const Step *step, GError **error)
{
    const char *name = server_network_of(step->key);
    const char *fact;
    json_t *value;

    json_object_foreach (step->to, fact, value) {
        g_autofree char *path = g_strdup_printf("ipv6/conf/%s/%s", name, fact + strlen("ipv6."));

        if (!net_sysctl_set(path, json_string_value(value), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean put_routes_back(const char *name, const GPtrArray *routes, guint protocol,
                                GError **error)
{
    for (guint i = 0; i < routes->len; i++) {
        if (!link_add_route(name, g_ptr_array_index(routes, i), protocol, error))
            return FALSE;
    }
    return TRUE;
}

/* A link whose IPv6 is off takes no such address. Undo puts addresses back before the switch. */
static gboolean allow_family(const char *name, const char *cidr, GError **error)
{
    g_autofree char *path = g_strdup_printf("ipv6/conf/%s/disable_ipv6", name);
    g_autofree char *off = strchr(cidr, ':') != NULL ? net_sysctl(path, NULL) : NULL;

    return g_strcmp0(off, "1") != 0 || net_sysctl_set(path, "0", error);
}

/* Losing its last IPv4 address takes a link's routes away, those of NICs among them: they are put
 * back (NET-BR-25). */
static gboolean change_addresses(const char *name, const json_t *wanted, GError **error)
{
    g_autoptr(GPtrArray) present = link_addresses(name, error);
    g_autoptr(GPtrArray) fixed =
        present != NULL ? link_routes(name, LINK_ROUTE_STATIC, error) : NULL;
    g_autoptr(GPtrArray) nics = fixed != NULL ? link_routes(name, LINK_ROUTE_BOOT, error) : NULL;
    size_t at;
    json_t *item;

    if (nics == NULL)
        return FALSE;
    /* Out before in: a second address of one subnet would be lost with the first. */
    for (guint i = 0; i < present->len; i++) {
        const char *cidr = g_ptr_array_index(present, i);

        if (!json_has_text(wanted, cidr) && !link_delete_address(name, cidr, error))
            return FALSE;
    }
    json_array_foreach (wanted, at, item)
        if (!allow_family(name, json_string_value(item), error) ||
            !link_add_address(name, json_string_value(item), error))
            return FALSE;
    return put_routes_back(name, fixed, LINK_ROUTE_STATIC, error) &&
           put_routes_back(name, nics, LINK_ROUTE_BOOT, error);
}

static gboolean ensure_addresses(Host *host, const Step *step, GError **error)
{
    const char *name = server_network_of(step->key);
    g_autoptr(Link) link = NULL;

    if (!find_own(step, &link, step->to != NULL ? error : NULL))
        return step->to == NULL;
    if (link == NULL && step->to == NULL)
        return TRUE;
    return change_addresses(name, step->to, error);
}

static gboolean ensure_routes(Host *host, const Step *step, GError **error)
{
    const char *name = server_network_of(step->key);
    g_autoptr(Link) link = NULL;
    g_autoptr(GPtrArray) present = NULL;
    size_t at;
    json_t *item;

    if (!find_own(step, &link, step->to != NULL ? error : NULL))
        return step->to == NULL;
    if (link == NULL && step->to == NULL)
        return TRUE;
    present = link_routes(name, LINK_ROUTE_STATIC, error);
    if (present == NULL)
        return FALSE;
    for (guint i = 0; i < present->len; i++) {
        const char *cidr = g_ptr_array_index(present, i);

        if (!json_has_text(step->to, cidr) &&
            !link_delete_route(name, cidr, LINK_ROUTE_STATIC, error))
            return FALSE;
    }
    json_array_foreach (step->to, at, item)
        if (!link_add_route(name, json_string_value(item), LINK_ROUTE_STATIC, error))
            return FALSE;
    return TRUE;
}

static gboolean join_port(const char *name, const char *port, const char *mark, GError **error)
{
    g_autoptr(Link) link = link_get(port, error);

    if (link == NULL)
        return FALSE;
    if (link->master != NULL && strcmp(link->master, name) != 0)
        return error_set(error, ERR_EXISTS, "network %s: interface %s is a port of %s already",
                         name, port, link->master);
    /* The mark first: whoever is killed in between leaves nothing that is not known to be ours. */
    return (link->alias != NULL || link_set_alias(port, mark, error)) &&
           link_set_master(port, name, error) && link_set_up(port, TRUE, error);
}

static gboolean leave_port(const char *name, const char *port, const char *mark, gboolean down,
                           GError **error)
{
    g_autoptr(Link) link = link_get(port, NULL);

    if (link == NULL)
        return TRUE;
    if (g_strcmp0(link->master, name) == 0 && !link_set_master(port, NULL, error))
        return FALSE;
    if (g_strcmp0(link->alias, mark) == 0 && !link_set_alias(port, NULL, error))
        return FALSE;
    return !down || link_set_up(port, FALSE, error);
}

static gboolean ensure_ports(Host *host, const Step *step, GError **error)
{
    const char *name = server_network_of(step->key);
    g_autofree char *mark = network_port_mark(step->key);
    const json_t *down = json_object_get(step->from, "$down");
    const char *port;
    json_t *value;

    json_object_foreach (step->from, port, value) {
        if (port[0] != '$' && json_object_get(step->to, port) == NULL &&
            !leave_port(name, port, mark, json_has_text(down, port), error))
            return FALSE;
    }
    json_object_foreach (step->to, port, value) {
        if (port[0] != '$' && !join_port(name, port, mark, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean ensure_firewall(Host *host, const Step *step, GError **error)
{
    g_auto(GStrv) names = chains_names(server_network_of(step->key));
    g_autofree char *mark = network_mark(step->key);
    g_autoptr(json_t) chains = json_object();

    for (char **name = names; *name != NULL; name++) {
        json_t *lines = json_object_get(step->to, *name);

        if (lines != NULL)
            json_object_set(chains, *name, lines);
        else
            json_object_set_new(chains, *name, json_null());
    }
    return nft_set_chains("inet", chains, mark, error);
}

static const FactRow rows[] = {
    {"folder", "network.folder", LIVES_DISK, CLASS_LIGHT, BAND_ADDITIVE, BAND_ADDITIVE,
     BAND_DISRUPTIVE, LABEL_LIVE, FALSE, folder_ensure, NULL, NULL, folder_purge, NULL,
     "make the folder of the network"},
    {"link", "network.link", LIVES_KERNEL, CLASS_LIGHT, BAND_ADDITIVE, BAND_ADDITIVE,
     BAND_DISRUPTIVE, LABEL_LIVE, FALSE, ensure_link, NULL, NULL, NULL, NULL, "make the bridge"},
    {"sysctl", "network.sysctl", LIVES_KERNEL, CLASS_LIGHT, BAND_ADDITIVE, BAND_ADDITIVE,
     BAND_DISRUPTIVE, LABEL_LIVE, FALSE, ensure_sysctl, NULL, NULL, NULL, NULL,
     "set the kernel parameters of the bridge"},
    {"forwarding", "network.forwarding", LIVES_KERNEL, CLASS_LIGHT, BAND_ADDITIVE, BAND_ADDITIVE,
     BAND_DISRUPTIVE, LABEL_LIVE, FALSE, forwarding_ensure, NULL, NULL, NULL, NULL,
     "let the host forward packets"},
    {"addresses", "network.addresses", LIVES_KERNEL, CLASS_LIGHT, BAND_ADDITIVE, BAND_ADDITIVE,
     BAND_DISRUPTIVE, LABEL_LIVE, FALSE, ensure_addresses, NULL, NULL, NULL, NULL,
     "give the bridge its addresses"},
    {"routes", "network.routes", LIVES_KERNEL, CLASS_LIGHT, BAND_ADDITIVE, BAND_ADDITIVE,
     BAND_DISRUPTIVE, LABEL_LIVE, FALSE, ensure_routes, NULL, NULL, NULL, NULL,
     "route networks to the bridge"},
    {"ports", "network.ports", LIVES_KERNEL, CLASS_LIGHT, BAND_ADDITIVE, BAND_ADDITIVE,
     BAND_DISRUPTIVE, LABEL_LIVE, FALSE, ensure_ports, NULL, NULL, NULL, NULL,
     "make interfaces of the host ports of the bridge"},
    {"firewall", "network.firewall", LIVES_KERNEL, CLASS_LIGHT, BAND_ADDITIVE, BAND_ADDITIVE,
     BAND_DISRUPTIVE, LABEL_LIVE, FALSE, ensure_firewall, NULL, NULL, NULL, NULL,
     "write the firewall rules of the network"},
    /* A change waits for the addresses to be there, and stops the server for a moment. */
    {"dnsmasq", "network.dnsmasq", LIVES_KERNEL, CLASS_LIGHT, BAND_ADDITIVE, BAND_DISRUPTIVE,
     BAND_DISRUPTIVE, LABEL_LIVE, FALSE, server_ensure, NULL, NULL, NULL, NULL,
     "run the DHCP and DNS server of the network"},
    {NULL},
};

const Driver NETWORK_DRIVER = {
    .kind = KIND_NETWORK,
    .rows = rows,
    .prepare = network_prepare,
    .expect = network_expect,
    .observe = network_observe,
    .host_facts = NETWORK_HOST_FACTS,
    .watch = network_watch,
};
