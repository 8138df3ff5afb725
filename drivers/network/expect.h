/* The facts that a network should have: the `expect` of NETWORK_DRIVER. Pure. */
#pragma once

#include "driver.h"

json_t *network_expect(const Context *context, const Object *object, const json_t *observed,
                       GError **error);

/* The families that the host is to forward for it: {"ipv4": true, "ipv6": true}, each only when
 * wanted. New reference. */
json_t *network_forwarding(const Object *network);
