/* The parts of a link's state that only bridges, bonds and VLANs have. */
#pragma once

#include <netlink/attr.h>

#include "json.h"

/* Of the kind "bridge": {forward_delay, id, stp, vlan_default, vlan_filtering}; "bond":
 * {down_delay, mii_frequency, mode, transmit_policy, up_delay}; "vlan": {vid}; NULL for all others.
 * The names of other links are the caller's part. `data` is the nested attribute IFLA_INFO_DATA or
 * NULL. New reference. */
json_t *link_details(const char *kind, struct nlattr *data);
