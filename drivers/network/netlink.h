/* rtnetlink requests of this folder: a socket per call, kernel errors turned into ours. */
#pragma once

#include <glib.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

typedef struct nl_sock NlSocket;
typedef struct nl_msg NlMessage;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlSocket, nl_socket_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NlMessage, nlmsg_free)

/* A connected NETLINK_ROUTE socket, or NULL. */
struct nl_sock *netlink_open(GError **error);

/* Sends a request and waits for its acknowledgement. Returns 0 or a negative libnl code; the caller
 * words the error. */
int netlink_request(struct nl_sock *socket, struct nl_msg *message);

/* Sends a request and calls `each` for every message of the answer (one, or all of a dump). */
typedef void (*NetlinkFunction)(struct nlmsghdr *header, void *data);
int netlink_query(struct nl_sock *socket, struct nl_msg *message, NetlinkFunction each, void *data);

/* Sets an error "WHAT: REASON" for a libnl code: ERR_NOT_FOUND for no such device or object,
 * ERR_EXISTS, ERR_PERMISSION, ERR_FAILED. Returns FALSE. */
gboolean netlink_error(GError **error, int code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Whether a code says that the device or object is not there. */
gboolean netlink_is_gone(int code);
