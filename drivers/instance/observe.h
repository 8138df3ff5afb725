/* What the host shows of an instance, without liblxc and without changing anything. */
#pragma once

#include "host.h"

json_t *instance_observe(Host *host, const Context *context, const Object *object, GError **error);

/* Driver.host_facts: boot_id, cpus, memory, architectures, ids, cgroup. */
gboolean instance_host_facts(Host *host, json_t *facts, GError **error);
