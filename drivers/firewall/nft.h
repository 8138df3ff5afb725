/* Our part of nftables: tables `inet berth`, `bridge berth` and `netdev berth` (NET-FW-02). A
 * change is one netlink batch, checked by the kernel against the generation that it was computed
 * from: it happens as a whole or not at all, and never undoes what a neighbour did in between.
 * Chains and rules carry the caller's mark as their comment; a chain with another mark or none is
 * not ours. A table is made with its first chain and goes with its last. May be called from any
 * thread; the network namespace is the caller's.
 *
 * A chain is a JSON list of lines in nft's language. The first is the hook:
 *     type filter hook forward priority 0 policy accept
 *     type filter hook ingress device "veth1" priority 0 policy accept        (netdev)
 * the others are rules: see nft_rule.h. What is read back from the kernel has the very same text,
 * so that two chains mean the same when their lists are equal. Rules that somebody else put into a
 * chain of ours are listed too, with "# foreign" behind them, so that they count as drift. */
#pragma once

#include "json.h"

/* Those of the chains `names` (NULL-terminated) of `table` ("inet", "bridge", "netdev") that are
 * there: {name: [lines]}. A chain of such a name without the mark is ERR_EXISTS. New reference. */
json_t *nft_chains(const char *table, const char *const *names, const char *mark, GError **error);

/* All chains of all tables, whoever made them: ["1 berth fwd.lan", ...], the family as a number,
 * sorted. New reference. */
json_t *nft_all_chains(GError **error);

/* Makes the chains in `chains` ({name: [lines], or null to remove it}) so, in one batch; equal ones
 * are not written. ERR_EXISTS when a chain of that name does not carry the mark (removal leaves
 * such a chain alone and succeeds). */
gboolean nft_set_chains(const char *table, const json_t *chains, const char *mark, GError **error);
