/* What a running container uses, read from outside: control groups, /proc, netlink. Writes nothing,
 * starts no helper and enters no namespace. The caller knows init by its pidfd and looks at that
 * again afterwards; a process that is gone meanwhile gives ERR_NOT_FOUND. */
#pragma once

#include <sys/types.h>

#include "json.h"

/* The running part of `GET /1.0/instances/NAME/state` (API-548 to API-554): {"cpu": {"usage"} in
 * nanoseconds, "disk": {}, "memory": {"usage", "usage_peak", "swap_usage", "swap_usage_peak"} in
 * bytes, "network": {...}, "pid", "processes"}. What the kernel does not count is 0. `group` is the
 * cgroup_name() of the instance. The caller adds status, status_code, and disk.DEVICE.usage where
 * the pool knows. New reference. */
json_t *usage_state(pid_t init, const char *group, GError **error);

/* The same for an instance that does not run: zeros, and null for the network. New reference. */
json_t *usage_stopped(void);

/* What metrics want of it (spec MET-101 to MET-136), for metrics_add_instance():
 *
 *     {"cpu": [{"cpu": "0", "user": SECONDS, "system": SECONDS}],
 *      "disk": [{"device": "vda", "read_bytes", "reads", "written_bytes", "writes"}],
 *      "filesystem": [{"device", "fstype", "mountpoint", "avail", "free", "size"}],
 *      "memory": {"Active_anon": BYTES, ...},
 *      "network": {INTERFACE: {counters}},
 *      "procs": N}
 *
 * A group whose values cannot be read is left out (MET-07). `mountpoints` is an array of the
 * absolute paths of disk devices. File systems that a process serves (FUSE) are left out: asking
 * them may never end. New reference. */
json_t *usage_metrics(pid_t init, const char *group, const json_t *mountpoints, GError **error);
