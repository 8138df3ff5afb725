#include "netlink.h"

#include <linux/rtnetlink.h>
#include <netlink/errno.h>

#include "error.h"

struct nl_sock *netlink_open(GError **error)
{
    g_autoptr(NlSocket) sock = nl_socket_alloc();
    int code = sock != NULL ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;

    if (code < 0) {
        netlink_error(error, code, "connect to the kernel's network configuration");
        return NULL;
    }
    return g_steal_pointer(&sock);
}

int netlink_request(struct nl_sock *socket, struct nl_msg *message)
{
    int code = nl_send_auto(socket, message);

    return code < 0 ? code : nl_wait_for_ack(socket);
}

typedef struct {
    NetlinkFunction each;
    void *data;
} Query;

static int handle_message(struct nl_msg *message, void *data)
{
    Query *query = data;

    query->each(nlmsg_hdr(message), query->data);
    return NL_OK;
}

int netlink_query(struct nl_sock *socket, struct nl_msg *message, NetlinkFunction each, void *data)
{
    Query query = {each, data};
    int code;

    nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, handle_message, &query);
    code = nl_send_auto(socket, message);
    if (code < 0)
        return code;
    /* A dump ends with its own message, a single get with the acknowledgement that was asked for.
     */
    if ((nlmsg_hdr(message)->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)
        return nl_recvmsgs_default(socket);
    return nl_wait_for_ack(socket);
}

gboolean netlink_is_gone(int code)
{
    return code == -NLE_NODEV || code == -NLE_OBJ_NOTFOUND || code == -NLE_NOADDR;
}

gboolean netlink_error(GError **error, int code, const char *format, ...)
{
    g_autofree char *what = NULL;
    ErrorCode kind = ERR_FAILED;
    va_list args;

    if (netlink_is_gone(code))
        kind = ERR_NOT_FOUND;
    else if (code == -NLE_EXIST)
        kind = ERR_EXISTS;
    else if (code == -NLE_PERM || code == -NLE_NOACCESS)
        kind = ERR_PERMISSION;
    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    return error_set(error, kind, "%s: %s", what, nl_geterror(code));
}
