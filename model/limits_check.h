/* Project limits and restrictions (PJ-120 to PJ-183), as a pure check over a whole snapshot. */
#pragma once

#include "validate.h"

/* Checks all instances, profiles and networks of a project against its limits.* and, while
 * `restricted` is true, its restricted.* keys. Sums over a limit are reported at the project, an
 * instance that lacks a limited key or does what is not allowed at that instance or profile. A
 * project that is not in the snapshot has no limits. */
void limits_check(const Snapshot *snapshot, const char *project, Problems *problems);

/* What a project uses of what it can limit (PJ-09): {"cpu": {"Limit": N, "Usage": N}, ...} with the
 * sizes and counts that are configured; Limit -1 is none. New reference. */
json_t *limits_usage(const Snapshot *snapshot, const Object *project);

/* The second half of it, in restrictions.c: `object` (an instance or a profile of the project)
 * against its restricted.* keys. `config` and `devices` are the effective ones. */
void restrictions_check(const Object *project, const Object *object, const json_t *config,
                        const json_t *devices, Problems *problems);

/* The path of restricted.devices.disk.paths that a disk's source must not lead out of when it is
 * opened (PJ-160); NULL when the project confines none. */
char *restrictions_disk_root(const Object *project, const char *source);

/* A network of the project against restricted.networks.*. */
void restrictions_check_network(const Object *project, const Object *network, Problems *problems);
