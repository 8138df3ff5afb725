/* Chains of our tables on the wire: how they are found, read and recognized as ours. Inside this
 * folder only. */
#pragma once

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include "json.h"

#define NFT_TABLE "berth"
/* More than the kernel sends in one piece, and than any message of ours. */
#define NFT_MESSAGE_MAX 32768u
/* How often something is read or computed anew because somebody else changed it. */
#define NFT_TRIES 20

typedef struct nftnl_chain Chain;
typedef struct nftnl_rule Rule;
typedef struct nftnl_table Table;
typedef struct mnl_socket Socket;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Chain, nftnl_chain_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rule, nftnl_rule_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, nftnl_table_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Socket, mnl_socket_close)

/* What is there of one chain. */
typedef struct {
    gboolean exists, ours;
    json_t *lines;   /* header and rules */
    GArray *handles; /* of guint64, of its rules */
} ChainState;

void chain_state_clear(ChainState *state);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ChainState, chain_state_clear)

/* Number of the family of "inet", "bridge" or "netdev". */
guint32 nft_family(const char *table);

/* A netlink socket, or NULL. */
Socket *nft_open(GError **error);

/* Sends one request and gives each message of its answer to `each`. Returns 0 or an errno; EINTR
 * when a list changed while it was read. */
int nft_query(Socket *sock, struct nlmsghdr *request, mnl_cb_t each, void *data);

/* Number of the present state of all rules, which each change raises. Returns 0 or an errno. */
int nft_generation(Socket *sock, guint32 *ret);

/* Reads one chain and its rules; a foreign chain is not read. Returns 0 or an errno. */
int nft_read_chain(Socket *sock, const char *table, const char *name, const char *mark,
                   ChainState *ret);

/* Puts a header line into a chain; ERR_INVALID when it cannot be read. */
gboolean nft_parse_hook(Chain *chain, const char *line, GError **error);

/* User data with `mark` as the comment; free with nftnl_udata_buf_free. */
struct nftnl_udata_buf *nft_make_comment(guint8 type, const char *mark);
