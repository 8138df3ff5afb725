/* Limits on a running instance's resources: what they should be (pure), what the control groups
 * say, and changing them live (instances.md I-112..127, I-300..342).
 *
 * The fact holds only what differs from 'no limit': {"cpuset": "0-1", "cpus": "2", "cpu.weight":
 * "512", "cpu.max": "20000 50000", "memory.max": bytes, "memory.low": bytes, "memory.swap": bytes,
 * "memory.swappiness": "65", "pids.max": "100", "hugetlb.2MB.max": bytes}, all as text, rounded as
 * the kernel rounds. Values of controllers that the host does not have are left out (I-329). */
#pragma once

#include "cgroup.h"
#include "host_facts.h"

/* `config` is the effective config, `host` the host's facts. New reference, or NULL with an error
 * that names the key. */
json_t *limits_expect(const json_t *config, HostFacts *host, GError **error);

/* The same as liblxc's items, which set them before init runs. `layout` is cgroup_layout(). */
void limits_add_items(const json_t *limits, const json_t *layout, json_t *items);

/* What is in force. `cpus` is the host's set ("0-1"), which counts as no limit. New reference. */
json_t *limits_observe(const Groups *groups, const char *cpus, GError **error);

/* Makes it so, one file after the other in an order that the kernel takes (I-327); what was changed
 * is put back when one of them is refused (I-023).
 * "cpus" is left to balance_run. */
gboolean limits_apply(const Groups *groups, const char *cpus, const json_t *to, GError **error);
