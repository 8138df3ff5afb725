/* What of the host a network stands on: the `watch` of NETWORK_DRIVER. Pure. */
#pragma once

#include "driver.h"

json_t *network_watch(const Context *context, const Object *object);
