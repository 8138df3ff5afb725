/* What the kernel says of a network port through the ethtool ioctls. */
#pragma once

#include "json.h"

/* Sets in `port` (API-617): link_detected, auto_negotiation, and where the driver knows:
 * link_speed, link_duplex, port_type, transceiver_type, supported_modes, supported_ports. */
void ethtool_port(const char *name, json_t *port);
/* Sets firmware_version in `card` when the driver knows it. */
void ethtool_card(const char *name, json_t *card);
