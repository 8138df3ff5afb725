#include "host_look.h"

#include <pwd.h>
#include <string.h>

#include "link.h"

#define MARK "berth:"
#define INSTANCE_MARK "berth:instance/"

static gboolean is_ours(const Link *link)
{
    return link->alias != NULL && g_str_has_prefix(link->alias, MARK) &&
           !g_str_has_suffix(link->alias, ":port");
}

static json_t *describe(const Link *link, const GPtrArray *addresses)
{
    json_t *list = json_array();
    json_t *interface =
        json_pack("{s:o, s:b, s:b}", "addresses", list, "ours", is_ours(link), "up", link->up);

    for (guint i = 0; i < addresses->len; i++) {
        const Route *address = g_ptr_array_index(addresses, i);

        if (address->index == link->index)
            json_array_append_new(list, json_string(address->cidr));
    }
    if (link->master != NULL)
        json_object_set_new(interface, "master", json_string(link->master));
    return interface;
}

static gint compare_routes(gconstpointer a, gconstpointer b)
{
    const Route *const *x = a, *const *y = b;

    return strcmp((*x)->cidr, (*y)->cidr);
}

static json_t *foreign_routes(GPtrArray *routes, GHashTable *ours)
{
    json_t *list = json_array();
    const char *last = NULL;

    g_ptr_array_sort(routes, compare_routes);
    for (guint i = 0; i < routes->len; i++) {
        const Route *route = g_ptr_array_index(routes, i);

        /* fe80::/64 is on every link and says nothing. */
        if (g_hash_table_contains(ours, GINT_TO_POINTER(route->index)) ||
            g_strcmp0(last, route->cidr) == 0 || g_str_has_prefix(route->cidr, "fe80:"))
            continue;
        last = route->cidr;
        json_array_append_new(list, json_string(route->cidr));
    }
    return list;
}

static json_t *look_ipv6(GError **error)
{
    g_autofree char *disabled = net_sysctl("ipv6/conf/default/disable_ipv6", NULL);

    if (disabled == NULL)
        return json_string("none");
    return json_string(strcmp(disabled, "0") == 0 ? "on" : "off");
}

static json_t *look_server_user(GError **error)
{
    struct passwd entry, *found = NULL;
    char buffer[4096];

    return json_string(getpwnam_r("dnsmasq", &entry, buffer, sizeof(buffer), &found) == 0 &&
                               found != NULL
                           ? "dnsmasq"
                           : "nobody");
}

static json_t *look_interfaces(GError **error)
{
    g_autoptr(GPtrArray) links = link_list(error);
    g_autoptr(GPtrArray) addresses = links != NULL ? link_all_addresses(error) : NULL;
    json_t *interfaces;

    if (addresses == NULL)
        return NULL;
    interfaces = json_object();
    for (guint i = 0; i < links->len; i++) {
        const Link *link = g_ptr_array_index(links, i);

        if (strcmp(link->name, "lo") != 0 &&
            (link->alias == NULL || !g_str_has_prefix(link->alias, INSTANCE_MARK)))
            json_object_set_new(interfaces, link->name, describe(link, addresses));
    }
    return interfaces;
}

static json_t *look_routes(GError **error)
{
    g_autoptr(GPtrArray) links = link_list(error);
    g_autoptr(GPtrArray) routes = links != NULL ? link_all_routes(error) : NULL;
    g_autoptr(GHashTable) ours = g_hash_table_new(NULL, NULL);

    if (routes == NULL)
        return NULL;
    for (guint i = 0; i < links->len; i++) {
        const Link *link = g_ptr_array_index(links, i);

        if (is_ours(link))
            g_hash_table_add(ours, GINT_TO_POINTER(link->index));
    }
    return foreign_routes(routes, ours);
}

const HostFact NETWORK_HOST_FACTS[] = {{"interfaces", look_interfaces},
                                       {"routes", look_routes},
                                       {"ipv6", look_ipv6},
                                       {"dnsmasq_user", look_server_user},
                                       {NULL, NULL}};
