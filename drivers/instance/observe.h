/* What the host shows of an instance, without liblxc and without changing anything. */
#pragma once

#include "host.h"

json_t *instance_observe(Host *host, const Context *context, const Object *object, GError **error);
