/* Sets of CPUs as cpuset files write them ("0-1,3"). Pure. */
#pragma once

#include "host_facts.h"

/* The highest number that a CPU may have. */
#define CPU_MAX 8191u

/* A sorted array of guint without doubles; NULL with an error for anything that is no list of CPUs.
 */
GArray *cpus_parse(const char *text, GError **error);

/* "0-1,3"; "" for none. Newly allocated. */
char *cpus_format(const GArray *cpus);

/* From host facts: the CPUs that containers may use, sorted. Never empty. */
GArray *cpus_of_host(HostFacts *host);

/* Members of `cpus` that are in `allowed` as well. */
GArray *cpus_within(const GArray *cpus, const GArray *allowed);

/* The `count` least used of `cpus`, sorted; among equals those in `had`, then the lower number.
 * `load` holds the users of each CPU (CPU_MAX + 1 of them) and counts the new one in (I-306). */
GArray *cpus_take(const GArray *cpus, guint *load, guint count, const GArray *had);
