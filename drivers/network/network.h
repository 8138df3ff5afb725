/* The driver for managed networks of type bridge (networks.md, NET-BR). Facts of one network, in
 * the order in which they are made:
 *
 *   folder      true: networks/NET of the state directory, with the leases
 *   link        {"kind": "bridge", "mac", "mtu", "up"}
 *   sysctl      {"ipv6.disable_ipv6": "0", ...}
 *   forwarding  {"ipv4": true, "ipv6": true}, each only where routing is wanted (NET-BR-26,
 * NET-BR-63) addresses   [cidr...], routes [cidr...], ports [interface...], each sorted firewall
 * {chain: [header, rule...]} of table inet berth (NET-FW-03..05) dnsmasq     {"arguments": [...],
 * "raw": text}: the process that runs (NET-BR-64)
 *
 * Everything that it makes carries the mark "berth:KEY" of its object. */
#pragma once

#include "host.h"

extern const Driver NETWORK_DRIVER;

/* What NICs on a network inherit or need to know. Pure. */

/* MTU that the bridge has and its NICs inherit (NET-BR-06). */
guint network_mtu(const Object *network);
/* Whether it runs a DHCP and DNS server. */
gboolean network_has_server(const Object *network);
/* The mark that everything made for an object carries: "berth:KEY". Newly allocated. */
char *network_mark(const char *key);
