/* What pure code may know of the host's network: the `host_facts` of NETWORK_DRIVER. */
#pragma once

#include "host.h"

/* Adds:
 *   interfaces {NAME: {"addresses": [cidr...], "master": NAME?, "ours": bool, "up": bool}}, without
 * loopback and without instances' NICs routes [cidr...]: what the host routes, but neither default
 * routes nor what goes to berth's own links forwarding: see forwarding.h ipv6 "on", "off" (by
 * default, on new interfaces) or "none" (the kernel has none) dnsmasq_user: whom DHCP servers run
 * as */
gboolean network_host_facts(Host *host, json_t *facts, GError **error);
