/* Instances as the API shows them (API-532, API-539). */
#pragma once

#include "daemon.h"

/* The object without state and snapshots (recursion=1). New reference. */
json_t *wire_instance(Daemon *daemon, const Snapshot *model, const Object *object);
