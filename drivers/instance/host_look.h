/* What the instance driver tells of the host as a whole: cpus, memory, architectures, ids, cgroup
 * and apparmor of host_fact(). */
#pragma once

#include "host_facts.h"

extern const HostFact INSTANCE_HOST_FACTS[];
