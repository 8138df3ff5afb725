/* Changes of our firewall tables, as nftables tells of them. */
#include "watch_private.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "error.h"
#include "firewall/nft_chain.h"

#define BUFFER (1 << 20)

struct WatchChains {
    HostWatch *watch;
    struct mnl_socket *socket;
    GSource *source;
};

/* Where a message says which table and which chain it is about; chain 0: the table as a whole. */
typedef struct {
    guint16 type, table, chain;
} Place;

static const Place PLACES[] = {
    {NFT_MSG_NEWRULE, NFTA_RULE_TABLE, NFTA_RULE_CHAIN},
    {NFT_MSG_DELRULE, NFTA_RULE_TABLE, NFTA_RULE_CHAIN},
    {NFT_MSG_NEWCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME},
    {NFT_MSG_DELCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME},
    {NFT_MSG_NEWTABLE, NFTA_TABLE_NAME, 0},
    {NFT_MSG_DELTABLE, NFTA_TABLE_NAME, 0},
};

static const char *text_of(const struct nlmsghdr *header, guint16 type)
{
    const struct nlattr *attribute;

    mnl_attr_for_each(attribute, header, sizeof(struct nfgenmsg))
    {
        if (mnl_attr_get_type(attribute) == type &&
            mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
            return mnl_attr_get_str(attribute);
    }
    return NULL;
}

static int take(const struct nlmsghdr *header, void *data)
{
    const WatchChains *chains = data;
    guint16 type = NFNL_MSG_TYPE(header->nlmsg_type);

    if (NFNL_SUBSYS_ID(header->nlmsg_type) != NFNL_SUBSYS_NFTABLES)
        return MNL_CB_OK;
    for (guint i = 0; i < G_N_ELEMENTS(PLACES); i++) {
        const char *name;

        if (PLACES[i].type != type || g_strcmp0(text_of(header, PLACES[i].table), NFT_TABLE) != 0)
            continue;
        name = PLACES[i].chain != 0 ? text_of(header, PLACES[i].chain) : NULL;
        if (name != NULL)
            watch_tell(chains->watch, WATCH_CHAIN, name, "changed");
        else if (type == NFT_MSG_DELTABLE)
            watch_tell_below(chains->watch, WATCH_CHAIN, NULL, "gone");
    }
    return MNL_CB_OK;
}

static gboolean on_message(int fd, GIOCondition condition, gpointer data)
{
    WatchChains *chains = data;
    g_autofree char *buffer = g_malloc(NFT_MESSAGE_MAX);
    ssize_t size;

    while ((size = mnl_socket_recvfrom(chains->socket, buffer, NFT_MESSAGE_MAX)) > 0)
        mnl_cb_run(buffer, (size_t)size, 0, 0, take, chains);
    if (size < 0 && (errno == ENOBUFS || errno == ENOSPC))
        watch_tell_lost(chains->watch, "firewall");
    return G_SOURCE_CONTINUE;
}

WatchChains *watch_chains_new(HostWatch *watch, GError **error)
{
    WatchChains *chains = g_new0(WatchChains, 1);
    int group = NFNLGRP_NFTABLES, size = BUFFER;

    chains->watch = watch;
    chains->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (chains->socket == NULL || mnl_socket_bind(chains->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_setsockopt(chains->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
        error_errno(error, errno, "watch the firewall");
        watch_chains_free(chains);
        return NULL;
    }
    setsockopt(mnl_socket_get_fd(chains->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    chains->source =
        watch_source(watch, mnl_socket_get_fd(chains->socket), G_IO_IN, on_message, chains);
    return chains;
}

void watch_chains_free(WatchChains *chains)
{
    if (chains == NULL)
        return;
    watch_source_end(chains->source);
    if (chains->socket != NULL)
        mnl_socket_close(chains->socket);
    g_free(chains);
}
