/* Numbers of control groups, v1 and v2 alike, for usage.c and usage_metrics.c. A file name of NULL
 * means that this version has none; what is missing reads as 0. */
#pragma once

#include "cgroup.h"

guint64 usage_number(const Groups *groups, const char *controller, const char *v1, const char *v2);
/* Whole text; NULL when it is missing. Newly allocated. */
char *usage_text(const Groups *groups, const char *controller, const char *v1, const char *v2);
/* Swap in use, in bytes. */
guint64 usage_swap(const Groups *groups);
/* Tasks in the instance, as the limit limits.processes counts them. */
guint64 usage_processes(const Groups *groups);
