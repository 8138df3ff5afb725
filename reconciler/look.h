/* Objects as they are right now, for lists and details of people. */
#pragma once

#include "engine.h"

/* {KEY: {"facts": see engine_observe, or "error": why they cannot be read; "addresses": for
 * instances, what dnsmasq leased to their NICs, parted by blanks}} of stored objects. */
json_t *look_at_objects(Engine *engine, const GPtrArray *objects);
