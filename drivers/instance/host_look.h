/* What the instance driver tells of the host as a whole: cpus, memory, architectures, ids, cgroup
 * and apparmor of host_fact(). */
#pragma once

#include "host_facts.h"

extern const HostFact INSTANCE_HOST_FACTS[];

/* The CPUs that containers may use, as a set ("0-3"). Newly allocated. */
char *host_cpus(void);
