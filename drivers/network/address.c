/* Addresses, routes and sysctls of links (link.h). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/route/addr.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "link.h"
#include "netlink.h"
#include "text.h"

typedef struct rtnl_addr RtnlAddr;
typedef struct rtnl_route RtnlRoute;
typedef struct nl_addr NlAddr;
typedef struct nl_cache NlCache;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RtnlAddr, rtnl_addr_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RtnlRoute, rtnl_route_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlAddr, nl_addr_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlCache, nl_cache_free)

/* "10.0.0.1/24" also where libnl leaves the length of a host address out. */
static char *cidr_text(const NlAddr *address, guint length)
{
    char text[INET6_ADDRSTRLEN + 5];
    char *slash;

    nl_addr2str(address, text, sizeof(text));
    slash = strchr(text, '/');
    if (slash != NULL)
        *slash = '\0';
    return g_strdup_printf("%s/%u", text, length);
}

static NlAddr *parse_cidr(const char *cidr, GError **error)
{
    NlAddr *address = NULL;

    if (nl_addr_parse(cidr, AF_UNSPEC, &address) < 0) {
        error_set(error, ERR_INVALID, "%s is not an address with a prefix length", cidr);
        return NULL;
    }
    return address;
}

static void route_free(Route *route)
{
    g_free(route->cidr);
    g_free(route);
}

GPtrArray *link_all_addresses(GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)route_free);
    g_autoptr(NlSocket) sock = netlink_open(error);
    g_autoptr(NlCache) cache = NULL;
    int code;

    if (sock == NULL)
        return NULL;
    code = rtnl_addr_alloc_cache(sock, &cache);
    if (code < 0) {
        netlink_error(error, code, "read the addresses of the network interfaces");
        return NULL;
    }
    for (struct nl_object *at = nl_cache_get_first(cache); at != NULL; at = nl_cache_get_next(at)) {
        RtnlAddr *address = (RtnlAddr *)at;
        NlAddr *local = rtnl_addr_get_local(address);
        Route *found;

        if (local == NULL || rtnl_addr_get_scope(address) == RT_SCOPE_LINK)
            continue;
        found = g_new0(Route, 1);
        found->cidr = cidr_text(local, (guint)rtnl_addr_get_prefixlen(address));
        found->index = rtnl_addr_get_ifindex(address);
        g_ptr_array_add(list, found);
    }
    return g_steal_pointer(&list);
}

GPtrArray *link_addresses(const char *name, GError **error)
{
    g_autoptr(Link) link = link_get(name, error);
    g_autoptr(GPtrArray) all = link != NULL ? link_all_addresses(error) : NULL;
    GPtrArray *list;

    if (all == NULL)
        return NULL;
    list = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < all->len; i++) {
        const Route *address = g_ptr_array_index(all, i);

        if (address->index == link->index)
            g_ptr_array_add(list, g_strdup(address->cidr));
    }
    g_ptr_array_sort(list, text_compare);
    return list;
}

/* An address of a link as libnl wants it. IPv4 ones get their broadcast address, as `ip addr add`
 * with "brd +" does. */
static RtnlAddr *make_address(const Link *link, const char *cidr, GError **error)
{
    g_autoptr(RtnlAddr) address = rtnl_addr_alloc();
    g_autoptr(NlAddr) local = parse_cidr(cidr, error);
    guint length;

    if (local == NULL)
        return NULL;
    length = nl_addr_get_prefixlen(local);
    rtnl_addr_set_ifindex(address, link->index);
    rtnl_addr_set_local(address, local);
    if (nl_addr_get_family(local) == AF_INET && length < 31) {
        guint32 bits;
        g_autoptr(NlAddr) broadcast = NULL;

        memcpy(&bits, nl_addr_get_binary_addr(local), sizeof(bits));
        bits |= htonl(length == 0 ? G_MAXUINT32 : (1u << (32 - length)) - 1);
        broadcast = nl_addr_build(AF_INET, &bits, sizeof(bits));
        rtnl_addr_set_broadcast(address, broadcast);
    }
    return g_steal_pointer(&address);
}

/* What belongs to a link that is gone is gone with it: NULL in `ret` then. */
static gboolean find_link(const char *name, Link **ret, GError **error)
{
    g_autoptr(GError) local = NULL;

    *ret = link_get(name, &local);
    if (*ret != NULL || g_error_matches(local, BERTH_ERROR, ERR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

gboolean link_add_address(const char *name, const char *cidr, GError **error)
{
    g_autoptr(Link) link = link_get(name, error);
    g_autoptr(RtnlAddr) address = NULL;
    g_autoptr(NlSocket) sock = NULL;
    int code;

    if (link == NULL || (address = make_address(link, cidr, error)) == NULL ||
        (sock = netlink_open(error)) == NULL)
        return FALSE;
    code = rtnl_addr_add(sock, address, NLM_F_EXCL);
    return code >= 0 || code == -NLE_EXIST ||
           netlink_error(error, code, "network interface %s: add the address %s", name, cidr);
}

gboolean link_delete_address(const char *name, const char *cidr, GError **error)
{
    g_autoptr(Link) link = NULL;
    g_autoptr(RtnlAddr) address = NULL;
    g_autoptr(NlSocket) sock = NULL;
    int code;

    if (!find_link(name, &link, error))
        return FALSE;
    if (link == NULL)
        return TRUE;
    if ((address = make_address(link, cidr, error)) == NULL || (sock = netlink_open(error)) == NULL)
        return FALSE;
    code = rtnl_addr_delete(sock, address, 0);
    return code >= 0 || netlink_is_gone(code) ||
           netlink_error(error, code, "network interface %s: remove the address %s", name, cidr);
}

typedef gboolean (*RouteFilter)(RtnlRoute *route, int index, const void *data);

/* Unicast routes of the main table through one link each. */
static GPtrArray *list_routes(RouteFilter filter, const void *data, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)route_free);
    g_autoptr(NlSocket) sock = netlink_open(error);
    g_autoptr(NlCache) cache = NULL;
    int code;

    if (sock == NULL)
        return NULL;
    code = rtnl_route_alloc_cache(sock, AF_UNSPEC, 0, &cache);
    if (code < 0) {
        netlink_error(error, code, "read the routes");
        return NULL;
    }
    for (struct nl_object *at = nl_cache_get_first(cache); at != NULL; at = nl_cache_get_next(at)) {
        RtnlRoute *route = (RtnlRoute *)at;
        NlAddr *destination = rtnl_route_get_dst(route);
        struct rtnl_nexthop *hop =
            rtnl_route_get_nnexthops(route) > 0 ? rtnl_route_nexthop_n(route, 0) : NULL;
        Route *found;
        int index;

        if (rtnl_route_get_table(route) != RT_TABLE_MAIN ||
            rtnl_route_get_type(route) != RTN_UNICAST || destination == NULL ||
            nl_addr_get_len(destination) == 0 || nl_addr_get_prefixlen(destination) == 0 ||
            hop == NULL)
            continue;
        index = rtnl_route_nh_get_ifindex(hop);
        if (!filter(route, index, data))
            continue;
        found = g_new0(Route, 1);
        found->cidr = cidr_text(destination, nl_addr_get_prefixlen(destination));
        found->index = index;
        g_ptr_array_add(list, found);
    }
    return g_steal_pointer(&list);
}

typedef struct {
    int index;
    guint protocol;
} OwnRoutes;

static gboolean is_own(RtnlRoute *route, int index, const void *data)
{
    const OwnRoutes *own = data;

    return index == own->index && rtnl_route_get_protocol(route) == own->protocol &&
           rtnl_route_nh_get_gateway(rtnl_route_nexthop_n(route, 0)) == NULL;
}

GPtrArray *link_routes(const char *name, guint protocol, GError **error)
{
    g_autoptr(GPtrArray) routes = NULL;
    g_autoptr(Link) link = link_get(name, error);
    OwnRoutes own;
    GPtrArray *list;

    if (link == NULL)
        return NULL;
    own.index = link->index;
    own.protocol = protocol;
    routes = list_routes(is_own, &own, error);
    if (routes == NULL)
        return NULL;
    list = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < routes->len; i++)
        g_ptr_array_add(list, g_strdup(((Route *)g_ptr_array_index(routes, i))->cidr));
    g_ptr_array_sort(list, text_compare);
    return list;
}

static gboolean is_any(RtnlRoute *route, int index, const void *data)
{
    return TRUE;
}

GPtrArray *link_all_routes(GError **error)
{
    return list_routes(is_any, NULL, error);
}

static RtnlRoute *make_route(const Link *link, const char *cidr, guint protocol, GError **error)
{
    g_autoptr(RtnlRoute) route = rtnl_route_alloc();
    g_autoptr(NlAddr) destination = parse_cidr(cidr, error);
    struct rtnl_nexthop *hop;

    if (destination == NULL)
        return NULL;
    rtnl_route_set_family(route, (guint8)nl_addr_get_family(destination));
    rtnl_route_set_table(route, RT_TABLE_MAIN);
    rtnl_route_set_protocol(route, (guint8)protocol);
    rtnl_route_set_type(route, RTN_UNICAST);
    rtnl_route_set_scope(route, nl_addr_get_family(destination) == AF_INET ? RT_SCOPE_LINK
                                                                           : RT_SCOPE_UNIVERSE);
    rtnl_route_set_dst(route, destination);
    hop = rtnl_route_nh_alloc();
    rtnl_route_nh_set_ifindex(hop, link->index);
    rtnl_route_add_nexthop(route, hop);
    return g_steal_pointer(&route);
}

gboolean link_add_route(const char *name, const char *cidr, guint protocol, GError **error)
{
    g_autoptr(Link) link = link_get(name, error);
    g_autoptr(RtnlRoute) route = NULL;
    g_autoptr(GPtrArray) present = NULL;
    g_autoptr(NlSocket) sock = NULL;
    int code;

    if (link == NULL || (route = make_route(link, cidr, protocol, error)) == NULL ||
        (sock = netlink_open(error)) == NULL)
        return FALSE;
    code = rtnl_route_add(sock, route, NLM_F_EXCL);
    if (code >= 0)
        return TRUE;
    if (code != -NLE_EXIST)
        return netlink_error(error, code, "network interface %s: add the route %s", name, cidr);
    /* The kernel says so as well when somebody else routes this network. */
    present = link_routes(name, protocol, error);
    if (present == NULL)
        return FALSE;
    for (guint i = 0; i < present->len; i++) {
        if (strcmp(g_ptr_array_index(present, i), cidr) == 0)
            return TRUE;
    }
    return error_set(error, ERR_EXISTS,
                     "network interface %s: the host already has a route to %s by another way",
                     name, cidr);
}

gboolean link_delete_route(const char *name, const char *cidr, guint protocol, GError **error)
{
    g_autoptr(Link) link = NULL;
    g_autoptr(RtnlRoute) route = NULL;
    g_autoptr(NlSocket) sock = NULL;
    int code;

    if (!find_link(name, &link, error))
        return FALSE;
    if (link == NULL)
        return TRUE;
    if ((route = make_route(link, cidr, protocol, error)) == NULL ||
        (sock = netlink_open(error)) == NULL)
        return FALSE;
    code = rtnl_route_delete(sock, route, 0);
    return code >= 0 || netlink_is_gone(code) ||
           netlink_error(error, code, "network interface %s: remove the route %s", name, cidr);
}

char *net_sysctl(const char *key, GError **error)
{
    g_autofree char *path = g_strconcat("/proc/sys/net/", key, NULL);
    char *text = NULL;

    if (!file_read(path, 4096, &text, NULL, error))
        return NULL;
    return g_strchomp(text);
}

gboolean net_sysctl_set(const char *key, const char *value, GError **error)
{
    g_autofree char *path = g_strconcat("/proc/sys/net/", key, NULL);
    g_autofree char *present = net_sysctl(key, error);
    g_auto(Fd) fd = -1;

    if (present == NULL)
        return FALSE;
    if (strcmp(present, value) == 0)
        return TRUE;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return error_errno(error, errno, "set the kernel parameter net/%s to %s", key, value);
    return TRUE;
}
