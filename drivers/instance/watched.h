/* What of the host an instance stands on: the `watch` of INSTANCE_DRIVER. Pure. */
#pragma once

#include "driver.h"

json_t *instance_watch(const Context *context, const Object *object);
