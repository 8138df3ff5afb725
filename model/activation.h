/* What a daemon has to be there for although nobody asks it anything (OPS-83, OPS-94). Pure. */
#pragma once

#include "snapshot.h"

/* Whether an instance that does not run is started with the daemon; `config` is its effective one.
 */
gboolean activation_of_instance(const Object *instance, const json_t *config);

/* Why the daemon is needed, for people: "instance/default//web is to run"; NULL when nothing of
 * the model needs one. Newly allocated. */
char *activation_reason(const Snapshot *model);
