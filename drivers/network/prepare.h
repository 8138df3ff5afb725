/* Drawing for networks: the `prepare` of NETWORK_DRIVER. */
#pragma once

#include "driver.h"

gboolean network_prepare(const Context *context, const Object *object, json_t *generated,
                         GError **error);
