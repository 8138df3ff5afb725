#include "link_dump.h"

#include <arpa/inet.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "error.h"
#include "link_details.h"
#include "network/netlink.h"

#define DUMP_TRIES 100 /* of reading a list that changes meanwhile */

static void link_entry_free(gpointer data)
{
    LinkEntry *entry = data;

    g_free(entry->name);
    g_free(entry->kind);
    g_free(entry->hwaddr);
    json_decref(entry->details);
    json_decref(entry->addresses);
    g_free(entry);
}

static gboolean same_namespace(int fd)
{
    struct stat other;
    struct stat own;

    return fstat(fd, &other) == 0 && stat("/proc/thread-self/ns/net", &own) == 0 &&
           other.st_dev == own.st_dev && other.st_ino == own.st_ino;
}

static void parse_id(struct nlmsghdr *header, void *data)
{
    struct nlattr *attributes[NETNSA_MAX + 1];

    if (header->nlmsg_type == RTM_NEWNSID &&
        nlmsg_parse(header, sizeof(struct rtgenmsg), attributes, NETNSA_MAX, NULL) >= 0 &&
        attributes[NETNSA_NSID] != NULL)
        *(int *)data = nla_get_s32(attributes[NETNSA_NSID]);
}

/* One request about the id: RTM_GETNSID, or RTM_NEWNSID to have one given. Returns a libnl code. */
static int id_request(struct nl_sock *sock, int type, int fd, int *ret_id)
{
    struct rtgenmsg family = {.rtgen_family = AF_UNSPEC};
    g_autoptr(NlMessage) message = nlmsg_alloc_simple(type, 0);

    nlmsg_append(message, &family, sizeof(family), NLMSG_ALIGNTO);
    nla_put_u32(message, NETNSA_FD, (guint32)fd);
    if (type == RTM_GETNSID)
        return netlink_query(sock, message, parse_id, ret_id);
    nla_put_s32(message, NETNSA_NSID, NETNSA_NSID_NOT_ASSIGNED);
    return netlink_request(sock, message);
}

gboolean link_namespace_id(int namespace_fd, int *ret_id, GError **error)
{
    g_autoptr(NlSocket) sock = NULL;
    int id = NETNSA_NSID_NOT_ASSIGNED;
    int code;

    if (same_namespace(namespace_fd)) {
        *ret_id = LINK_DUMP_HERE;
        return TRUE;
    }
    sock = netlink_open(error);
    if (sock == NULL)
        return FALSE;
    code = id_request(sock, RTM_GETNSID, namespace_fd, &id);
    if (code >= 0 && id < 0) {
        code = id_request(sock, RTM_NEWNSID, namespace_fd, &id);
        /* Somebody else may have asked at the same time. */
        if (code >= 0 || code == -NLE_EXIST)
            code = id_request(sock, RTM_GETNSID, namespace_fd, &id);
    }
    if (code < 0 || id < 0)
        return netlink_error(error, code < 0 ? code : -NLE_OBJ_NOTFOUND,
                             "get the id of a network namespace");
    *ret_id = id;
    return TRUE;
}

typedef struct {
    int wanted; /* namespace id */
    GPtrArray *links;
} Dump;

/* Whether an answer is about the namespace that was asked for: a kernel that does not know the
 * attribute answers with its own. */
static gboolean is_wanted(const Dump *dump, struct nlattr *id)
{
    return dump->wanted == LINK_DUMP_HERE || (id != NULL && nla_get_s32(id) == dump->wanted);
}

/* Hardware address as text; tunnels have an IP address in its place, loopback zeros: "". */
static char *hardware_address(struct nlattr *attribute)
{
    int length = attribute != NULL ? nla_len(attribute) : 0;
    const guint8 *bytes = length > 0 ? nla_data(attribute) : NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    gboolean any = FALSE;

    if (length == 4 || length == 16)
        return g_strdup("");
    for (int i = 0; i < length; i++) {
        g_string_append_printf(text, "%s%02x", i > 0 ? ":" : "", bytes[i]);
        any = any || bytes[i] != 0;
    }
    return g_strdup(any ? text->str : "");
}

static void parse_kind(LinkEntry *entry, struct nlattr *information)
{
    struct nlattr *info[IFLA_INFO_MAX + 1];

    if (information == NULL || nla_parse_nested(info, IFLA_INFO_MAX, information, NULL) < 0 ||
        info[IFLA_INFO_KIND] == NULL)
        return;
    entry->kind = nla_strdup(info[IFLA_INFO_KIND]);
    entry->details = link_details(entry->kind, info[IFLA_INFO_DATA]);
}

static void parse_link(struct nlmsghdr *header, void *data)
{
    Dump *dump = data;
    struct nlattr *a[IFLA_MAX + 1];
    const struct ifinfomsg *info = nlmsg_data(header);
    LinkEntry *entry;

    if (header->nlmsg_type != RTM_NEWLINK ||
        nlmsg_parse(header, sizeof(*info), a, IFLA_MAX, NULL) < 0 || a[IFLA_IFNAME] == NULL ||
        !is_wanted(dump, a[IFLA_TARGET_NETNSID]))
        return;
    entry = g_new0(LinkEntry, 1);
    entry->index = info->ifi_index;
    entry->flags = info->ifi_flags;
    entry->name = g_utf8_make_valid(
        nla_data(a[IFLA_IFNAME]),
        (gssize)strnlen(nla_data(a[IFLA_IFNAME]), (gsize)nla_len(a[IFLA_IFNAME])));
    entry->hwaddr = hardware_address(a[IFLA_ADDRESS]);
    entry->mtu = a[IFLA_MTU] != NULL ? nla_get_u32(a[IFLA_MTU]) : 0;
    entry->below = a[IFLA_LINK] != NULL ? (int)nla_get_u32(a[IFLA_LINK]) : 0;
    entry->below_namespace =
        a[IFLA_LINK_NETNSID] != NULL ? nla_get_s32(a[IFLA_LINK_NETNSID]) : LINK_DUMP_HERE;
    entry->master = a[IFLA_MASTER] != NULL ? (int)nla_get_u32(a[IFLA_MASTER]) : 0;
    if (a[IFLA_STATS64] != NULL)
        nla_memcpy(&entry->stats, a[IFLA_STATS64], sizeof(entry->stats));
    parse_kind(entry, a[IFLA_LINKINFO]);
    entry->addresses = json_array();
    g_ptr_array_add(dump->links, entry);
}

static const char *scope_of(int family, const void *address)
{
    guint32 v4;

    if (family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)address)    ? "local"
               : IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)address) ? "link"
                                                                         : "global";
    v4 = ntohl(((const struct in_addr *)address)->s_addr);
    return v4 >> 24 == 127 ? "local" : v4 >> 16 == 0xa9fe ? "link" : "global";
}

static void parse_address(struct nlmsghdr *header, void *data)
{
    Dump *dump = data;
    struct nlattr *a[IFA_MAX + 1];
    const struct ifaddrmsg *info = nlmsg_data(header);
    struct nlattr *address;
    char text[INET6_ADDRSTRLEN];

    if (header->nlmsg_type != RTM_NEWADDR ||
        nlmsg_parse(header, sizeof(*info), a, IFA_MAX, NULL) < 0 ||
        !is_wanted(dump, a[IFA_TARGET_NETNSID]))
        return;
    /* On point-to-point links IFA_ADDRESS is the other side's. */
    address = a[IFA_LOCAL] != NULL ? a[IFA_LOCAL] : a[IFA_ADDRESS];
    if (address == NULL || (info->ifa_family != AF_INET && info->ifa_family != AF_INET6) ||
        nla_len(address) < (info->ifa_family == AF_INET ? 4 : 16) ||
        inet_ntop(info->ifa_family, nla_data(address), text, sizeof(text)) == NULL)
        return;
    for (guint i = 0; i < dump->links->len; i++) {
        LinkEntry *entry = dump->links->pdata[i];
        g_autofree char *length = g_strdup_printf("%u", info->ifa_prefixlen);

        if (entry->index == (int)info->ifa_index)
            json_array_append_new(entry->addresses,
                                  json_pack("{s:s, s:s, s:s, s:s}", "family",
                                            info->ifa_family == AF_INET ? "inet" : "inet6",
                                            "address", text, "netmask", length, "scope",
                                            scope_of(info->ifa_family, nla_data(address))));
    }
}

static int dump_links(struct nl_sock *sock, Dump *dump)
{
    struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
    g_autoptr(NlMessage) message = nlmsg_alloc_simple(RTM_GETLINK, NLM_F_DUMP);

    nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
    if (dump->wanted != LINK_DUMP_HERE)
        nla_put_s32(message, IFLA_TARGET_NETNSID, dump->wanted);
    return netlink_query(sock, message, parse_link, dump);
}

static int dump_addresses(struct nl_sock *sock, Dump *dump)
{
    struct ifaddrmsg info = {.ifa_family = AF_UNSPEC};
    g_autoptr(NlMessage) message = nlmsg_alloc_simple(RTM_GETADDR, NLM_F_DUMP);

    nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
    if (dump->wanted != LINK_DUMP_HERE)
        nla_put_s32(message, IFA_TARGET_NETNSID, dump->wanted);
    return netlink_query(sock, message, parse_address, dump);
}

GPtrArray *link_dump(int namespace_id, GError **error)
{
    g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func(link_entry_free);
    Dump dump = {namespace_id, links};
    int code = -NLE_DUMP_INTR;
    int on = 1;

    for (int i = 0; i < DUMP_TRIES && code == -NLE_DUMP_INTR; i++) {
        g_autoptr(NlSocket) sock = netlink_open(error);

        if (sock == NULL)
            return NULL;
        /* Without it the kernel does not look at the id of the namespace. */
        if (setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
                       sizeof(on)) != 0) {
            error_errno(error, errno, "ask for strict checks of netlink requests");
            return NULL;
        }
        g_ptr_array_set_size(links, 0);
        code = dump_links(sock, &dump);
        if (code >= 0)
            code = dump_addresses(sock, &dump);
    }
    if (code < 0) {
        netlink_error(error, code, "read the network interfaces");
        return NULL;
    }
    return g_steal_pointer(&links);
}
