/* The firewall chains of a network (NET-FW-03..05). Pure. */
#pragma once

#include "object.h"

/* {chain: [lines]} as firewall/nft.h has them; {} when it needs none. New reference. */
json_t *chains_expect(const Object *network);

/* Names of all chains that a network of this name may have, NULL-terminated. Newly allocated. */
char **chains_names(const char *network);
