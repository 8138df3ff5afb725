/* Instances as the API shows them (API-532, API-539). */
#pragma once

#include "daemon.h"

/* What is shown of the fields that clients write: what is set, else what that means. New reference.
 */
json_t *wire_instance_fields(const Object *object);
/* What is known of it from the model alone: all of wire_instance but how it runs. New reference. */
json_t *wire_instance_wanted(const Snapshot *model, const Object *object);
StatusCode wire_instance_status(Daemon *daemon, const Object *object);
/* The object without state and snapshots (recursion=1). New reference. */
json_t *wire_instance(Daemon *daemon, const Snapshot *model, const Object *object);
/* How it runs, API-548, and how all that do not run. New reference. */
json_t *wire_instance_state(Daemon *daemon, const Object *object);
json_t *wire_instance_state_stopped(void);
/* The object with state, snapshots and backups (recursion=2; API-042, API-043). New reference. */
json_t *wire_instance_full(Daemon *daemon, const Snapshot *model, const Object *object);
