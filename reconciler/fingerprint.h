/* What a host and a state directory hold, by name: links, mounts, control groups, processes, chains
 * of the firewall, loop devices, files of the state directory, objects and parked data. Two of them
 * tell what was left behind (EN-51). Nothing that comes and goes by itself (PIDs, counters, leases,
 * logs) is in it. */
#pragma once

#include "engine.h"

/* {"objects": [NAME...], "links": [...], ...}, each list sorted. Reads only. New reference; NULL on
 * error: what cannot be read is not absent (LAW-7). */
json_t *fingerprint_make(Engine *engine, GError **error);

/* What `now` has and `before` has not: the same shape, without what is empty. New reference. */
json_t *fingerprint_added(const json_t *before, const json_t *now);
