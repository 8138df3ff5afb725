/* The link group that a link of ours has from its birth until it gets its alias. The kernel takes a
 * group, but no alias, in the request that makes a link; so a link that was left in between can be
 * told from everybody else's. "brth" in ASCII. */
#pragma once

#define LINK_GROUP_HALF 0x62727468u
