/* Rate limits at the host's end of a NIC (link.h, D-NIC-09). */
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/route/class.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/htb.h>
#include <netlink/route/tc.h>
#include <string.h>

#include "error.h"
#include "firewall/nft.h"
#include "link.h"
#include "netlink.h"

#define MARK "berth:limit"
#define BURST 1048576u /* bytes */
#define HTB_HANDLE TC_HANDLE(1, 0)
#define HTB_CLASS TC_HANDLE(1, 0x10)

typedef struct rtnl_qdisc Qdisc;
typedef struct rtnl_class Class;
typedef struct nl_cache NlCache;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Qdisc, rtnl_qdisc_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Class, rtnl_class_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlCache, nl_cache_free)

static Qdisc *root_qdisc(int index)
{
    Qdisc *qdisc = rtnl_qdisc_alloc();

    rtnl_tc_set_ifindex(TC_CAST(qdisc), index);
    rtnl_tc_set_parent(TC_CAST(qdisc), TC_H_ROOT);
    return qdisc;
}

static gboolean add_shaper(struct nl_sock *sock, const Link *link, guint64 bytes, GError **error)
{
    g_autoptr(Qdisc) qdisc = root_qdisc(link->index);
    g_autoptr(Class) class = rtnl_class_alloc();
    int code;

    rtnl_tc_set_handle(TC_CAST(qdisc), HTB_HANDLE);
    rtnl_tc_set_kind(TC_CAST(qdisc), "htb");
    rtnl_htb_set_defcls(qdisc, TC_H_MIN(HTB_CLASS));
    code = rtnl_qdisc_add(sock, qdisc, NLM_F_CREATE | NLM_F_REPLACE);
    if (code < 0)
        return netlink_error(error, code, "network interface %s: limit its rate", link->name);
    rtnl_tc_set_ifindex(TC_CAST(class), link->index);
    rtnl_tc_set_parent(TC_CAST(class), HTB_HANDLE);
    rtnl_tc_set_handle(TC_CAST(class), HTB_CLASS);
    rtnl_tc_set_kind(TC_CAST(class), "htb");
    rtnl_htb_set_rate64(class, bytes);
    rtnl_htb_set_ceil64(class, bytes);
    code = rtnl_class_add(sock, class, NLM_F_CREATE);
    return code >= 0 ||
           netlink_error(error, code, "network interface %s: limit its rate", link->name);
}

static gboolean remove_shaper(struct nl_sock *sock, const Link *link, GError **error)
{
    g_autoptr(Qdisc) qdisc = root_qdisc(link->index);
    int code = rtnl_qdisc_delete(sock, qdisc);

    return code >= 0 || netlink_is_gone(code) ||
           netlink_error(error, code, "network interface %s: remove its rate limit", link->name);
}

/* Bytes a second of our shaper; 0 when there is none. */
static gboolean read_shaper(struct nl_sock *sock, const Link *link, guint64 *ret, GError **error)
{
    g_autoptr(NlCache) cache = NULL;
    int code = rtnl_class_alloc_cache(sock, link->index, &cache);

    if (code < 0)
        return netlink_error(error, code, "network interface %s: read its rate limit", link->name);
    *ret = 0;
    for (struct nl_object *at = nl_cache_get_first(cache); at != NULL; at = nl_cache_get_next(at)) {
        Class *class = (Class *)at;

        if (g_strcmp0(rtnl_tc_get_kind(TC_CAST(class)), "htb") == 0 &&
            rtnl_tc_get_handle(TC_CAST(class)) == HTB_CLASS)
            rtnl_htb_get_rate64(class, ret);
    }
    return TRUE;
}

static char *police_chain(const char *name)
{
    return g_strconcat("limit.", name, NULL);
}

/* Also right when the link is gone: the kernel keeps the chain then, and binds it to the next link
 * of that name. */
static gboolean set_police(const char *name, guint64 bytes, GError **error)
{
    g_autofree char *chain = police_chain(name);
    g_autofree char *hook =
        g_strdup_printf("type filter hook ingress device \"%s\" priority 0 policy accept", name);
    g_autofree char *rule = g_strdup_printf(
        "limit rate over %" G_GUINT64_FORMAT " bytes/second burst %u bytes drop", bytes, BURST);
    g_autoptr(json_t) chains =
        bytes > 0 ? json_pack("{s:[s,s]}", chain, hook, rule) : json_pack("{s:n}", chain);

    return nft_set_chains("netdev", chains, MARK, error);
}

static gboolean read_police(const char *name, guint64 *ret, GError **error)
{
    g_autofree char *chain = police_chain(name);
    const char *names[] = {chain, NULL};
    g_autoptr(json_t) chains = nft_chains("netdev", names, MARK, error);
    const char *rule;

    if (chains == NULL)
        return FALSE;
    rule = json_string_value(json_array_get(json_object_get(chains, chain), 1));
    *ret = 0;
    if (rule != NULL && g_str_has_prefix(rule, "limit rate over "))
        *ret = g_ascii_strtoull(rule + strlen("limit rate over "), NULL, 10);
    return TRUE;
}

gboolean link_limits(const char *name, guint64 *ret_ingress, guint64 *ret_egress, GError **error)
{
    g_autoptr(Link) link = link_get(name, error);
    g_autoptr(NlSocket) sock = NULL;
    guint64 ingress, egress;

    if (link == NULL || (sock = netlink_open(error)) == NULL ||
        !read_shaper(sock, link, &ingress, error) || !read_police(name, &egress, error))
        return FALSE;
    *ret_ingress = ingress * 8;
    *ret_egress = egress * 8;
    return TRUE;
}

gboolean link_set_limits(const char *name, guint64 ingress, guint64 egress, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(Link) link = link_get(name, &local);
    g_autoptr(NlSocket) sock = NULL;
    guint64 present;

    if (link == NULL && g_error_matches(local, BERTH_ERROR, ERR_NOT_FOUND) && ingress == 0 &&
        egress == 0)
        return set_police(name, 0, error);
    if (link == NULL) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if ((sock = netlink_open(error)) == NULL || !read_shaper(sock, link, &present, error))
        return FALSE;
    if (present != ingress / 8 && present != 0 && !remove_shaper(sock, link, error))
        return FALSE;
    if (present != ingress / 8 && ingress != 0 && !add_shaper(sock, link, ingress / 8, error))
        return FALSE;
    return set_police(name, egress / 8, error);
}
