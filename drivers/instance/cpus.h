/* Sets of CPUs as cpuset files write them ("0-1,3"). Pure. */
#pragma once

#include "json.h"

/* A sorted array of guint without doubles; NULL with an error for anything that is no list of CPUs.
 */
GArray *cpus_parse(const char *text, GError **error);

/* "0-1,3"; "" for none. Newly allocated. */
char *cpus_format(const GArray *cpus);

/* From host facts: the CPUs that containers may use, sorted. Never empty. */
GArray *cpus_of_host(const json_t *host);

/* Members of `cpus` that are in `allowed` as well. */
GArray *cpus_within(const GArray *cpus, const GArray *allowed);
