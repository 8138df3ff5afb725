/* Objects as they are right now, for lists and details of people. */
#pragma once

#include "engine.h"

/* {KEY: {"facts" and "expected": see engine_observe, or "error": why they cannot be read}} of
 * stored objects. Of instances also
 *
 *     "addresses": what dnsmasq leased to their NICs, parted by blanks
 *     "nics": {NAME: {"network", "address"?}}, while it runs: of NICs on networks that give
 *             addresses, the one that it really has
 *     "ended": see ended_read, when it does not run */
json_t *look_at_objects(Engine *engine, const GPtrArray *objects);
