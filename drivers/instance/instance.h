/* The driver for instances: system containers (instances.md, devices.md, container-runtime.md).
 * Facts of one instance, in the order in which they are made:
 *
 *   volume     its root volume (storage/volume.h), quota its limit
 *   link       {"target": path}: STATE/containers/NAME points to the volume
 *   start      {"digest"}: STATE/run/NAME.start holds the newest facts to start with, after a line
 * with their digest, so that a reboot from inside comes up with them leases     {DEVICE: ...} of
 * NICs on a managed bridge (network/lease.h) stale      {"left": true} when a run that ended
 * without us left something behind; never expected running    absent while stopped, else state
 * "running" or "frozen" config   digest of everything that takes a restart to change (config.h)
 *     nics     {DEVICE: {"host", "name", "hwaddr", "parent"?, "mtu"?, "ingress"?, "egress"?,
 * "isolated"?, "routes"?}} disks    {DEVICE: {"path", "source", "readonly"?, "recursive"?,
 * "propagation"?, "shift"?, "options"?, "$required"}} cgroup   limits in force (limits.h)
 *
 * Arguments of `running`: "$name" (disk name), "$items", "$environment", "$raw", "$seccomp"
 * (config.h), "$timeout" (seconds of a clean stop), "$halt" (signal for it; absent: found out),
 * "$privileged", "$nesting", "$deny_compat". */
#pragma once

#include "host.h"

extern const Driver INSTANCE_DRIVER;
