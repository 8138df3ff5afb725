/* Links and addresses of a network namespace as rtnetlink has them, in the words of the API. */
#pragma once

#include <linux/if_link.h>

#include "json.h"

#define LINK_DUMP_HERE (-1) /* instead of an id: the calling thread's namespace */

typedef struct {
    int index;
    char *name;
    char *kind;   /* NULL for real devices */
    char *hwaddr; /* "" when it has none */
    guint flags;  /* IFF_* */
    guint mtu;
    int below;           /* index of the link under or opposite; 0 */
    int below_namespace; /* id of its namespace, LINK_DUMP_HERE for the same */
    int master;          /* index of the bridge or bond that it is in; 0 */
    struct rtnl_link_stats64 stats;
    json_t *details;   /* of a bridge, bond or VLAN, else NULL */
    json_t *addresses; /* [{family, address, netmask, scope}] */
} LinkEntry;

/* All links of the namespace with this id, of LinkEntry *. NULL with an error. */
GPtrArray *link_dump(int namespace_id, GError **error);

/* The id by which the calling thread's namespace knows another (an open /proc/PID/ns/net); the
 * kernel gives it one when it has none. LINK_DUMP_HERE when it is the same. FALSE with an error. */
gboolean link_namespace_id(int namespace_fd, int *ret_id, GError **error);
