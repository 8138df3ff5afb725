/* Rules as text, in a part of nft's language that reads back as it was written:
 *     iifname|oifname "NAME"        meta nfproto ipv4|ipv6
 *     ip saddr|daddr CIDR           ip6 saddr|daddr CIDR
 *     tcp|udp sport|dport N         icmp|icmpv6 type N
 *     limit rate over N bytes/second burst N bytes
 *     accept | drop | return | reject | masquerade | snat ip|ip6 to ADDRESS
 * A `!=` may stand before a value. CIDRs are written with their length and without host bits. */
#pragma once

#include <glib.h>
#include <libnftnl/rule.h>

/* Adds the expressions of `text` to an empty rule. ERR_INVALID when it is not of this language. */
gboolean nft_rule_compile(struct nftnl_rule *rule, const char *text, GError **error);

/* The text of a rule; "unknown" when it has anything that the language does not know. Newly
 * allocated. */
char *nft_rule_print(const struct nftnl_rule *rule);
