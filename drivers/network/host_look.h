/* What the network driver tells of the host as a whole: interfaces, routes, ipv6 and dnsmasq_user
 * of host_fact(). Their cost grows with the links that the host has. */
#pragma once

#include "host_facts.h"

extern const HostFact NETWORK_HOST_FACTS[];
