#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "link.h"
#include "link_group.h"
#include "netlink.h"

static gboolean parse_mac(const char *text, guint8 ret[6], GError **error)
{
    guint b[6];
    char rest;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
               &rest) != 6)
        return error_set(error, ERR_INVALID, "%s is not a MAC address", text);
    for (int i = 0; i < 6; i++)
        ret[i] = (guint8)b[i];
    return TRUE;
}

/* A request about a link that is there, found by its index; NULL with an error when it is not. */
static struct nl_msg *change_of(const Link *link, guint flags, guint change)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC,
                             .ifi_index = link->index,
                             .ifi_flags = flags,
                             .ifi_change = change};
    struct nl_msg *message = nlmsg_alloc_simple(RTM_SETLINK, NLM_F_REQUEST);

    nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
    return message;
}

static gboolean send_change(struct nl_msg *message, const char *name, const char *what,
                            GError **error)
{
    g_autoptr(NlSocket) sock = netlink_open(error);
    int code;

    if (sock == NULL)
        return FALSE;
    code = netlink_request(sock, message);
    if (code == -NLE_EXIST)
        return error_set(error, ERR_EXISTS, "network interface %s: %s: a link of that name exists",
                         name, what);
    return code >= 0 || netlink_error(error, code, "network interface %s: %s", name, what);
}

static struct nl_msg *birth_of(const char *name, guint mtu)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    struct nl_msg *message =
        nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);

    nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
    nla_put_string(message, IFLA_IFNAME, name);
    nla_put_u32(message, IFLA_GROUP, LINK_GROUP_HALF);
    if (mtu != 0)
        nla_put_u32(message, IFLA_MTU, mtu);
    return message;
}

/* The second half of a birth: the alias says whose it is, and the link joins its bridge. */
static gboolean name_owner(const char *name, const char *alias, const char *master, guint mtu,
                           GError **error)
{
    g_autoptr(Link) link = link_get(name, error);
    g_autoptr(NlMessage) message = NULL;

    if (link == NULL)
        return FALSE;
    message = change_of(link, 0, 0);
    nla_put_u32(message, IFLA_GROUP, 0);
    if (alias != NULL)
        nla_put_string(message, IFLA_IFALIAS, alias);
    if (mtu != 0)
        nla_put_u32(message, IFLA_MTU, mtu);
    if (master != NULL) {
        g_autoptr(Link) bridge = link_get(master, error);

        if (bridge == NULL)
            return FALSE;
        nla_put_u32(message, IFLA_MASTER, (guint32)bridge->index);
    }
    return send_change(message, name, "set alias and master", error);
}

/* Sends the birth of a bridge, with or without VLAN filtering. The MTU is one too many: only when
 * it is then changed to the right one does the kernel take it as set by hand, and keeps it when
 * ports come. Returns a libnl code. */
static int bear_bridge(NlSocket *sock, const char *name, const guint8 *mac, guint mtu,
                       gboolean filtering)
{
    g_autoptr(NlMessage) message = birth_of(name, mtu + 1);
    struct nlattr *information, *data;

    nla_put(message, IFLA_ADDRESS, 6, mac);
    information = nla_nest_start(message, IFLA_LINKINFO);
    nla_put_string(message, IFLA_INFO_KIND, "bridge");
    if (filtering) {
        data = nla_nest_start(message, IFLA_INFO_DATA);
        nla_put_u8(message, IFLA_BR_VLAN_FILTERING, 1);
        nla_nest_end(message, data);
    }
    nla_nest_end(message, information);
    return netlink_request(sock, message);
}

gboolean link_add_bridge(const char *name, const char *mac, guint mtu, const char *alias,
                         GError **error)
{
    g_autoptr(NlSocket) sock = NULL;
    guint8 address[6];
    int code;

    if (!parse_mac(mac, address, error) || (sock = netlink_open(error)) == NULL)
        return FALSE;
    code = bear_bridge(sock, name, address, mtu, TRUE);
    /* A kernel that cannot filter VLANs makes bridges without (NET-BR-71). */
    if (code == -NLE_OPNOTSUPP)
        code = bear_bridge(sock, name, address, mtu, FALSE);
    if (code < 0)
        return netlink_error(error, code, "network interface %s: create the bridge", name);
    if (name_owner(name, alias, NULL, mtu, error))
        return TRUE;
    link_delete(name, NULL);
    return FALSE;
}

static gboolean put_namespace(struct nl_msg *message, pid_t pid, Fd *ret_fd, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/net", (int)pid);

    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*ret_fd < 0)
        return error_errno(error, errno, "open the network namespace of process %d", (int)pid);
    nla_put_u32(message, IFLA_NET_NS_FD, (guint32)*ret_fd);
    return TRUE;
}

gboolean link_add_veth(const VethOptions *options, GError **error)
{
    g_autoptr(NlMessage) message = birth_of(options->name, options->mtu);
    struct ifinfomsg peer_info = {.ifi_family = AF_UNSPEC};
    struct nlattr *information, *data, *peer;
    g_auto(Fd) namespace = -1;
    guint8 address[6];

    information = nla_nest_start(message, IFLA_LINKINFO);
    nla_put_string(message, IFLA_INFO_KIND, "veth");
    data = nla_nest_start(message, IFLA_INFO_DATA);
    peer = nla_nest_start(message, VETH_INFO_PEER);
    nlmsg_append(message, &peer_info, sizeof(peer_info), NLMSG_ALIGNTO);
    nla_put_string(message, IFLA_IFNAME, options->peer_name);
    if (options->mtu != 0)
        nla_put_u32(message, IFLA_MTU, options->mtu);
    if (options->peer_mac != NULL) {
        if (!parse_mac(options->peer_mac, address, error))
            return FALSE;
        nla_put(message, IFLA_ADDRESS, sizeof(address), address);
    }
    if (options->peer_pid != 0 && !put_namespace(message, options->peer_pid, &namespace, error))
        return FALSE;
    nla_nest_end(message, peer);
    nla_nest_end(message, data);
    nla_nest_end(message, information);
    if (!send_change(message, options->name, "create the veth pair", error))
        return FALSE;
    if (name_owner(options->name, options->alias, options->master, 0, error))
        return TRUE;
    link_delete(options->name, NULL);
    return FALSE;
}

gboolean link_delete(const char *name, GError **error)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    g_autoptr(NlMessage) message = NULL;
    g_autoptr(NlSocket) sock = NULL;
    g_autoptr(Link) link = NULL;
    g_autoptr(GError) local = NULL;
    int code;

    link = link_get(name, &local);
    if (link == NULL && g_error_matches(local, BERTH_ERROR, ERR_NOT_FOUND))
        return TRUE;
    if (link == NULL) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    sock = netlink_open(error);
    if (sock == NULL)
        return FALSE;
    info.ifi_index = link->index;
    message = nlmsg_alloc_simple(RTM_DELLINK, NLM_F_REQUEST);
    nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
    code = netlink_request(sock, message);
    return code >= 0 || netlink_is_gone(code) ||
           netlink_error(error, code, "network interface %s: delete it", name);
}

gboolean link_set_up(const char *name, gboolean up, GError **error)
{
    g_autoptr(Link) link = link_get(name, error);
    g_autoptr(NlMessage) message = NULL;

    if (link == NULL)
        return FALSE;
    if (link->up == up)
        return TRUE;
    message = change_of(link, up ? IFF_UP : 0, IFF_UP);
    return send_change(message, name, up ? "set it up" : "set it down", error);
}

gboolean link_set_mtu(const char *name, guint mtu, GError **error)
{
    g_autoptr(Link) link = link_get(name, error);
    g_autoptr(NlMessage) message = NULL;

    if (link == NULL)
        return FALSE;
    if (link->mtu == mtu)
        return TRUE;
    message = change_of(link, 0, 0);
    nla_put_u32(message, IFLA_MTU, mtu);
    return send_change(message, name, "set the MTU", error);
}

gboolean link_set_mac(const char *name, const char *mac, GError **error)
{
    g_autoptr(Link) link = link_get(name, error);
    g_autoptr(NlMessage) message = NULL;
    guint8 address[6];

    if (link == NULL || !parse_mac(mac, address, error))
        return FALSE;
    if (link->mac != NULL && g_ascii_strcasecmp(link->mac, mac) == 0)
        return TRUE;
    message = change_of(link, 0, 0);
    nla_put(message, IFLA_ADDRESS, sizeof(address), address);
    return send_change(message, name, "set the MAC address", error);
}

gboolean link_set_alias(const char *name, const char *alias, GError **error)
{
    g_autoptr(Link) link = link_get(name, error);
    g_autoptr(NlMessage) message = NULL;

    if (link == NULL)
        return FALSE;
    if (g_strcmp0(link->alias, alias) == 0)
        return TRUE;
    message = change_of(link, 0, 0);
    nla_put_string(message, IFLA_IFALIAS, alias != NULL ? alias : "");
    if (link->half)
        nla_put_u32(message, IFLA_GROUP, 0);
    return send_change(message, name, "set the alias", error);
}

gboolean link_set_master(const char *name, const char *master, GError **error)
{
    g_autoptr(Link) link = link_get(name, error);
    g_autoptr(Link) bridge = NULL;
    g_autoptr(NlMessage) message = NULL;
    int index = 0;

    if (link == NULL)
        return FALSE;
    if (master != NULL) {
        bridge = link_get(master, error);
        if (bridge == NULL)
            return FALSE;
        index = bridge->index;
    }
    if (link->master_index == index)
        return TRUE;
    message = change_of(link, 0, 0);
    nla_put_u32(message, IFLA_MASTER, (guint32)index);
    return send_change(message, name, master != NULL ? "join the bridge" : "leave the bridge",
                       error);
}

gboolean link_set_isolated(const char *name, gboolean on, GError **error)
{
    g_autoptr(Link) link = link_get(name, error);
    struct ifinfomsg info = {.ifi_family = AF_BRIDGE};
    g_autoptr(NlMessage) message = NULL;
    struct nlattr *port;

    if (link == NULL)
        return FALSE;
    if (link->isolated == on)
        return TRUE;
    info.ifi_index = link->index;
    message = nlmsg_alloc_simple(RTM_SETLINK, NLM_F_REQUEST);
    nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
    port = nla_nest_start(message, IFLA_PROTINFO | NLA_F_NESTED);
    nla_put_u8(message, IFLA_BRPORT_ISOLATED, on ? 1 : 0);
    nla_nest_end(message, port);
    return send_change(message, name, "set the isolation of the bridge port", error);
}
