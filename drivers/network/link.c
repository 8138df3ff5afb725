#include "link.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <string.h>

#include "error.h"
#include "link_group.h"
#include "netlink.h"

#define DUMP_TRIES 100 /* of reading a list that changes meanwhile */

void link_free(Link *link)
{
    if (link == NULL)
        return;
    g_free(link->name);
    g_free(link->kind);
    g_free(link->mac);
    g_free(link->alias);
    g_free(link->master);
    g_free(link);
}

static char *attribute_text(struct nlattr *attribute)
{
    return attribute != NULL ? g_strndup(nla_data(attribute),
                                         strnlen(nla_data(attribute), (gsize)nla_len(attribute)))
                             : NULL;
}

static char *attribute_mac(struct nlattr *attribute)
{
    const guint8 *b;

    if (attribute == NULL || nla_len(attribute) != 6)
        return NULL;
    b = nla_data(attribute);
    return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

static void parse_kind(Link *link, struct nlattr *information)
{
    struct nlattr *info[IFLA_INFO_MAX + 1];
    struct nlattr *port[IFLA_BRPORT_MAX + 1];

    if (information == NULL || nla_parse_nested(info, IFLA_INFO_MAX, information, NULL) < 0)
        return;
    link->kind = attribute_text(info[IFLA_INFO_KIND]);
    if (info[IFLA_INFO_SLAVE_KIND] == NULL || info[IFLA_INFO_SLAVE_DATA] == NULL ||
        strcmp(nla_get_string(info[IFLA_INFO_SLAVE_KIND]), "bridge") != 0 ||
        nla_parse_nested(port, IFLA_BRPORT_MAX, info[IFLA_INFO_SLAVE_DATA], NULL) < 0)
        return;
    link->isolated =
        port[IFLA_BRPORT_ISOLATED] != NULL && nla_get_u8(port[IFLA_BRPORT_ISOLATED]) != 0;
}

static void parse_link(struct nlmsghdr *header, void *data)
{
    GPtrArray *links = data;
    struct nlattr *attributes[IFLA_MAX + 1];
    const struct ifinfomsg *info = nlmsg_data(header);
    Link *link;

    if (header->nlmsg_type != RTM_NEWLINK ||
        nlmsg_parse(header, sizeof(*info), attributes, IFLA_MAX, NULL) < 0)
        return;
    link = g_new0(Link, 1);
    link->index = info->ifi_index;
    link->up = (info->ifi_flags & IFF_UP) != 0;
    link->name = attribute_text(attributes[IFLA_IFNAME]);
    link->mac = attribute_mac(attributes[IFLA_ADDRESS]);
    link->alias = attribute_text(attributes[IFLA_IFALIAS]);
    link->mtu = attributes[IFLA_MTU] != NULL ? nla_get_u32(attributes[IFLA_MTU]) : 0;
    link->master_index =
        attributes[IFLA_MASTER] != NULL ? (int)nla_get_u32(attributes[IFLA_MASTER]) : 0;
    link->half = link->alias == NULL && attributes[IFLA_GROUP] != NULL &&
                 nla_get_u32(attributes[IFLA_GROUP]) == LINK_GROUP_HALF;
    parse_kind(link, attributes[IFLA_LINKINFO]);
    g_ptr_array_add(links, link);
}

/* One attempt of query_links; returns a libnl code. */
static int try_query(const char *name, GPtrArray *links, GError **error)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    g_autoptr(NlSocket) sock = netlink_open(error);
    g_autoptr(NlMessage) message = nlmsg_alloc_simple(RTM_GETLINK, name == NULL ? NLM_F_DUMP : 0);
    int code;

    if (sock == NULL)
        return -NLE_BAD_SOCK;
    nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
    if (name != NULL)
        nla_put_string(message, IFLA_IFNAME, name);
    code = netlink_query(sock, message, parse_link, links);
    if (code < 0 && code != -NLE_DUMP_INTR && !(name != NULL && netlink_is_gone(code)))
        netlink_error(error, code, "read the network interfaces");
    return code;
}

/* One link by name, or all when it is NULL. A list with nothing in it means that there is none. A
 * list during which a link came or went may lack others: it is asked for again. */
static GPtrArray *query_links(const char *name, GError **error)
{
    g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func((GDestroyNotify)link_free);
    g_autoptr(GError) local = NULL;
    int code = -NLE_DUMP_INTR;

    for (int i = 0; i < DUMP_TRIES && code == -NLE_DUMP_INTR; i++) {
        g_ptr_array_set_size(links, 0);
        code = try_query(name, links, &local);
    }
    if (code == -NLE_DUMP_INTR)
        netlink_error(&local, code, "read the network interfaces");
    if (local != NULL) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    return g_steal_pointer(&links);
}

static void name_master(Link *link)
{
    char name[IF_NAMESIZE];

    if (link->master_index != 0 && if_indextoname((guint)link->master_index, name) != NULL)
        link->master = g_strdup(name);
}

Link *link_get(const char *name, GError **error)
{
    g_autoptr(GPtrArray) links = NULL;
    Link *link;

    /* The kernel refuses longer names with another error than 'not there'. */
    if (strlen(name) >= IF_NAMESIZE) {
        error_set(error, ERR_NOT_FOUND,
                  "network interface %s: no interface has a name of that length", name);
        return NULL;
    }
    links = query_links(name, error);
    if (links == NULL)
        return NULL;
    if (links->len == 0) {
        error_set(error, ERR_NOT_FOUND, "network interface %s does not exist", name);
        return NULL;
    }
    link = g_ptr_array_steal_index(links, 0);
    name_master(link);
    return link;
}

static gint compare_index(gconstpointer a, gconstpointer b)
{
    const Link *const *x = a, *const *y = b;

    return (*x)->index - (*y)->index;
}

GPtrArray *link_list(GError **error)
{
    GPtrArray *links = query_links(NULL, error);
    g_autoptr(GHashTable) names = NULL;

    if (links == NULL)
        return NULL;
    g_ptr_array_sort(links, compare_index);
    names = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < links->len; i++) {
        Link *link = g_ptr_array_index(links, i);

        g_hash_table_insert(names, GINT_TO_POINTER(link->index), link->name);
    }
    for (guint i = 0; i < links->len; i++) {
        Link *link = g_ptr_array_index(links, i);

        if (link->master_index != 0)
            link->master =
                g_strdup(g_hash_table_lookup(names, GINT_TO_POINTER(link->master_index)));
    }
    return links;
}

gboolean link_exists(const char *name)
{
    g_autoptr(Link) link = link_get(name, NULL);

    return link != NULL;
}
