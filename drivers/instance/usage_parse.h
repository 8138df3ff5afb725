/* The texts of control group files in the words of usage_metrics(), cgroup v1 and v2. Any text may
 * be NULL, for a file that this version does not have. */
#pragma once

#include "json.h"

/* The number behind "KEY " at the begin of a line. FALSE when there is none. */
gboolean usage_parse_keyed(const char *text, const char *key, guint64 *ret);

/* [{"cpu", "user", "system"}] in seconds: of v1's cpuacct.usage_all, else of v2's cpu.stat, where
 * all processors count as "0". New reference. */
json_t *usage_parse_cpu(const char *each, const char *all);

/* [{"device", "read_bytes", "reads", "written_bytes", "writes"}] of v1's
 * blkio.throttle.io_service_bytes and .io_serviced and of v2's io.stat. Devices are called as in
 * /dev. New reference. */
json_t *usage_parse_disks(const char *bytes, const char *counts, const char *both);

/* {"Active_anon": BYTES, ...}: what memory.stat tells of the series of metrics. New reference. */
json_t *usage_parse_memory(const char *stat, gboolean v2);
