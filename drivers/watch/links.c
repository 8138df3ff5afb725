/* Links, addresses, routes and forwarding, as the kernel tells of them. What a link shows is kept,
 * so that a carrier that comes and goes, or a counter, is nothing new. */
#include "watch_private.h"

#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/rtnl.h>
#include <string.h>

#include "network/netlink.h"

#define BUFFER (1 << 20)

typedef struct {
    char *name;
    char *state; /* all that anybody asks for of it */
} Known;

struct WatchLinks {
    HostWatch *watch;
    struct nl_sock *socket;
    GSource *source;
    GHashTable *known; /* index -> Known */
};

static void known_free(gpointer data)
{
    Known *known = data;

    g_free(known->name);
    g_free(known->state);
    g_free(known);
}

static const char *name_of(const WatchLinks *links, int index)
{
    const Known *known = g_hash_table_lookup(links->known, GINT_TO_POINTER(index));

    return known != NULL ? known->name : NULL;
}

static char *state_of(const struct ifinfomsg *info, struct nlattr **attributes)
{
    GString *state = g_string_new(NULL);
    static const int kept[] = {IFLA_MTU, IFLA_MASTER, IFLA_ADDRESS, IFLA_IFALIAS, IFLA_PROTINFO};

    g_string_append_printf(state, "%d", (info->ifi_flags & IFF_UP) != 0);
    for (guint i = 0; i < G_N_ELEMENTS(kept); i++) {
        const struct nlattr *attribute = attributes[kept[i]];
        g_autofree char *text =
            attribute != NULL ? g_base64_encode(nla_data(attribute), (gsize)nla_len(attribute))
                              : g_strdup("-");

        g_string_append_printf(state, " %s", text);
    }
    return g_string_free(state, FALSE);
}

/* A port's own message of the bridge family says less: it is another link's. */
static void take_link(WatchLinks *links, struct nlmsghdr *header)
{
    struct nlattr *attributes[IFLA_MAX + 1];
    const struct ifinfomsg *info = nlmsg_data(header);
    const Known *before;
    Known *now;
    gboolean gone = header->nlmsg_type == RTM_DELLINK;

    if (nlmsg_parse(header, sizeof *info, attributes, IFLA_MAX, NULL) < 0 ||
        attributes[IFLA_IFNAME] == NULL)
        return;
    if (info->ifi_family != AF_UNSPEC) {
        watch_tell(links->watch, WATCH_LINK, nla_get_string(attributes[IFLA_IFNAME]), "changed");
        return;
    }
    before = g_hash_table_lookup(links->known, GINT_TO_POINTER(info->ifi_index));
    now = g_new0(Known, 1);
    now->name = g_strdup(nla_get_string(attributes[IFLA_IFNAME]));
    now->state = state_of(info, attributes);
    if (gone || before == NULL || strcmp(before->name, now->name) != 0 ||
        strcmp(before->state, now->state) != 0) {
        if (before != NULL && strcmp(before->name, now->name) != 0)
            watch_tell(links->watch, WATCH_LINK, before->name, "gone");
        watch_tell(links->watch, WATCH_LINK, now->name, gone ? "gone" : "changed");
    }
    if (gone) {
        g_hash_table_remove(links->known, GINT_TO_POINTER(info->ifi_index));
        known_free(now);
    } else {
        g_hash_table_insert(links->known, GINT_TO_POINTER(info->ifi_index), now);
    }
}

static void take_address(WatchLinks *links, struct nlmsghdr *header)
{
    const struct ifaddrmsg *address = nlmsg_data(header);
    const char *name = name_of(links, (int)address->ifa_index);

    if (name != NULL)
        watch_tell(links->watch, WATCH_LINK, name,
                   header->nlmsg_type == RTM_DELADDR ? "gone" : "changed");
}

/* What the kernel adds by itself to its own tables, for an address, is told of with that. */
static void take_route(WatchLinks *links, struct nlmsghdr *header)
{
    struct nlattr *attributes[RTA_MAX + 1];
    const struct rtmsg *route = nlmsg_data(header);
    const char *name;

    if (route->rtm_protocol == RTPROT_KERNEL || route->rtm_protocol == RTPROT_RA ||
        (route->rtm_flags & RTM_F_CLONED) != 0 ||
        nlmsg_parse(header, sizeof *route, attributes, RTA_MAX, NULL) < 0 ||
        attributes[RTA_OIF] == NULL)
        return;
    name = name_of(links, (int)nla_get_u32(attributes[RTA_OIF]));
    if (name != NULL)
        watch_tell(links->watch, WATCH_ROUTE, name,
                   header->nlmsg_type == RTM_DELROUTE ? "gone" : "changed");
}

/* Forwarding of the whole host concerns every network. */
static void take_netconf(WatchLinks *links, struct nlmsghdr *header)
{
    struct nlattr *attributes[NETCONFA_MAX + 1];

    if (nlmsg_parse(header, sizeof(struct netconfmsg), attributes, NETCONFA_MAX, NULL) < 0 ||
        attributes[NETCONFA_IFINDEX] == NULL || attributes[NETCONFA_FORWARDING] == NULL)
        return;
    if ((gint32)nla_get_u32(attributes[NETCONFA_IFINDEX]) == NETCONFA_IFINDEX_ALL)
        watch_tell_below(links->watch, WATCH_LINK, NULL, "changed");
}

static int take(struct nl_msg *message, void *data)
{
    struct nlmsghdr *header = nlmsg_hdr(message);

    switch (header->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        take_link(data, header);
        break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
        take_address(data, header);
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        take_route(data, header);
        break;
    case RTM_NEWNETCONF:
        take_netconf(data, header);
        break;
    default:
        break;
    }
    return NL_OK;
}

/* All links there are, as messages like those that follow. */
static int ask_for_links(WatchLinks *links)
{
    return nl_rtgen_request(links->socket, RTM_GETLINK, AF_UNSPEC, NLM_F_DUMP);
}

static gboolean on_message(int fd, GIOCondition condition, gpointer data)
{
    WatchLinks *links = data;
    int code;

    do
        code = nl_recvmsgs_default(links->socket);
    while (code >= 0);
    if (code == -NLE_NOMEM || code == -NLE_DUMP_INTR) {
        watch_tell_lost(links->watch, "links");
        ask_for_links(links);
    }
    return G_SOURCE_CONTINUE;
}

WatchLinks *watch_links_new(HostWatch *watch, GError **error)
{
    WatchLinks *links = g_new0(WatchLinks, 1);
    int code;

    links->watch = watch;
    links->known = g_hash_table_new_full(NULL, NULL, NULL, known_free);
    links->socket = netlink_open(error);
    if (links->socket == NULL) {
        watch_links_free(links);
        return NULL;
    }
    nl_socket_disable_seq_check(links->socket);
    nl_socket_modify_cb(links->socket, NL_CB_VALID, NL_CB_CUSTOM, take, links);
    code = nl_socket_add_memberships(links->socket, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
                                     RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                                     RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, RTNLGRP_NONE);
    if (code >= 0)
        code = nl_socket_set_nonblocking(links->socket);
    nl_socket_set_buffer_size(links->socket, BUFFER, 0);
    nl_socket_set_msg_buf_size(links->socket, 65536);
    if (code >= 0)
        code = ask_for_links(links);
    if (code < 0) {
        netlink_error(error, code, "watch the links of the host");
        watch_links_free(links);
        return NULL;
    }
    links->source =
        watch_source(watch, nl_socket_get_fd(links->socket), G_IO_IN, on_message, links);
    return links;
}

void watch_links_free(WatchLinks *links)
{
    if (links == NULL)
        return;
    watch_source_end(links->source);
    nl_socket_free(links->socket);
    g_hash_table_unref(links->known);
    g_free(links);
}
