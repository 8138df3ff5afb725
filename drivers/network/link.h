/* Network interfaces of the host through rtnetlink. Every call opens a socket of its own, so that
 * worker threads may use all of it side by side; the namespace is that of the calling thread. Names
 * are checked by the kernel; a link that is not there is ERR_NOT_FOUND unless a function says
 * otherwise. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* What the kernel says of one link. */
typedef struct {
    int index;
    char *name;
    char *kind;       /* "bridge", "veth", ...; NULL for real devices */
    char *mac;        /* lower case; NULL when it has none */
    char *alias;      /* the mark of what berth made; NULL when unset */
    char *master;     /* name of the bridge that it is a port of; NULL */
    int master_index; /* 0: no port of anything */
    guint mtu;
    gboolean up;   /* administratively */
    gboolean half; /* born, but killed before it got its alias: made by berth, for whoever knows the
                      name */
    gboolean isolated; /* bridge port flag (NET-FW-12) */
} Link;

void link_free(Link *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Link, link_free)

/* One link by name; NULL with ERR_NOT_FOUND when there is none. */
Link *link_get(const char *name, GError **error);
/* All links, of Link *, in order of index. */
GPtrArray *link_list(GError **error);
/* FALSE without an error when there is none. */
gboolean link_exists(const char *name);

/* Makes a bridge, down; MAC and MTU count as set by hand, so that they stay when ports come and go.
 * The kernel takes no alias at birth: whoever is killed in between leaves a link that says `half`.
 */
gboolean link_add_bridge(const char *name, const char *mac, guint mtu, const char *alias,
                         GError **error);

/* Makes a veth pair, both ends down. `half` holds for the end that stays. */
typedef struct {
    const char *name;      /* the end that stays here */
    const char *alias;     /* mark of the end that stays here; NULL: none */
    const char *master;    /* bridge that it becomes a port of; NULL: none */
    const char *peer_name; /* the other end */
    const char *peer_mac;  /* NULL: drawn by the kernel */
    guint mtu;             /* of both ends; 0: the kernel's */
    pid_t peer_pid; /* the other end is born in the network namespace of this process; 0: here */
} VethOptions;

gboolean link_add_veth(const VethOptions *options, GError **error);

/* Gone already is success. */
gboolean link_delete(const char *name, GError **error);

/* Single properties; each writes only when it differs. */
gboolean link_set_up(const char *name, gboolean up, GError **error);
gboolean link_set_mtu(const char *name, guint mtu, GError **error);
gboolean link_set_mac(const char *name, const char *mac, GError **error);
gboolean link_set_alias(const char *name, const char *alias, GError **error);
gboolean link_set_master(const char *name, const char *master, GError **error); /* NULL releases */
gboolean link_set_isolated(const char *name, gboolean on, GError **error); /* of a bridge port */

/* Global and host-scope addresses of a link as sorted CIDRs (of char *); link-local ones of the
 * kernel are left out. */
GPtrArray *link_addresses(const char *name, GError **error);
/* There already, or gone already, is success. */
gboolean link_add_address(const char *name, const char *cidr, GError **error);
gboolean link_delete_address(const char *name, const char *cidr, GError **error);

/* Protocols of routes that berth makes: static for those of a network (NET-BR-25), boot for those
 * of a NIC (D-NIC-BR-12). */
#define LINK_ROUTE_KERNEL 2
#define LINK_ROUTE_BOOT 3
#define LINK_ROUTE_STATIC 4

/* Networks that the main table sends to a link with this protocol and no gateway, as sorted CIDRs
 * (of char *). */
GPtrArray *link_routes(const char *name, guint protocol, GError **error);
gboolean link_add_route(const char *name, const char *cidr, guint protocol, GError **error);
gboolean link_delete_route(const char *name, const char *cidr, guint protocol, GError **error);

/* A network or an address, and the link that it belongs to. */
typedef struct {
    char *cidr;
    int index; /* of the link */
} Route;

/* Unicast routes of the main table over all links; default routes are left out. */
GPtrArray *link_all_routes(GError **error);
/* Addresses of all links; link-local ones are left out. */
GPtrArray *link_all_addresses(GError **error);

/* Rate limits at the host's end of a NIC (D-NIC-09), in bits a second; 0 is none. The kernel counts
 * bytes: rates read back as multiples of eight. `ingress` is towards the instance (HTB on the root
 * qdisc), `egress` from it (an nftables chain `limit.NAME` of table netdev berth, bound to the
 * link: more than the rate with a burst of 1024 KiB is dropped). The qdisc vanishes with the link;
 * the chain may not: whoever takes a limited NIC away calls this with 0, 0, before or after the
 * link is gone. */
gboolean link_set_limits(const char *name, guint64 ingress, guint64 egress, GError **error);
gboolean link_limits(const char *name, guint64 *ret_ingress, guint64 *ret_egress, GError **error);

/* Network sysctls: key is the path below /proc/sys/net ("ipv6/conf/br0/autoconf"). Reads give newly
 * allocated text without newline; NULL with ERR_NOT_FOUND when the kernel has no such key. Writes
 * happen only when the value differs. */
char *net_sysctl(const char *key, GError **error);
gboolean net_sysctl_set(const char *key, const char *value, GError **error);
