/* Our part of nftables: tables `inet berth`, `bridge berth` and `netdev berth` (NET-FW-02). A change is one netlink batch, checked by the
 * kernel against the generation that it was computed from: it happens as a whole or not at all, and never undoes what a neighbour did
 * in between. Only chains and rules that carry the caller's mark (their comment) are read, replaced or removed. A table is made with
 * its first chain and goes with its last.
 *
 * A chain is a JSON list of lines in nft's language. The first is the hook:
 *     type filter hook forward priority 0 policy accept
 *     type filter hook ingress device "veth1" priority 0 policy accept        (netdev)
 * the others are rules: matches, then one verdict or statement:
 *     iifname "lan" | oifname "lan" | meta nfproto ipv4|ipv6
 *     ip saddr|daddr CIDR | ip6 saddr|daddr CIDR            (also: != CIDR)
 *     tcp|udp sport|dport N | icmp type N | icmpv6 type N
 *     limit rate over N bytes/second burst N bytes
 *     accept | drop | return | reject | masquerade | snat ip|ip6 to ADDRESS
 * What is read back from the kernel has the very same text, so that two chains mean the same when their lists are equal. A rule that
 * somebody else wrote into the chain by other means than this language reads as "unknown". */
#pragma once

#include "json.h"

/* Chains of `table` ("inet", "bridge", "netdev") that carry `mark`: {name: [lines]}; {} when there are none. New reference. */
json_t *nft_chains(const char *table, const char *mark, GError **error);

/* Makes the chains in `chains` ({name: [lines], or null to remove it}) so, in one batch. Equal ones are not written. ERR_EXISTS when a
 * chain of that name does not carry the mark. */
gboolean nft_set_chains(const char *table, const json_t *chains, const char *mark, GError **error);
