/* Processes that outlive us, told apart from those that get their numbers later. */
#pragma once

#include <sys/types.h>

#include "json.h"

/* The kernel's boot id. Borrowed. */
const char *boot_id(void);

/* Start time of a process in clock ticks since boot, 0 when there is none or only a zombie.
 * `ret_parent` may be NULL. */
guint64 process_started(pid_t pid, pid_t *ret_parent);

/* [pid, start time] of a process for a record; NULL when it is gone. New reference. */
json_t *process_describe(pid_t pid);

/* The process that such a pair names, if it still lives: its pid, else 0. With `ret_fd` (may be
 * NULL) also a pidfd of exactly that process. */
pid_t process_find(const json_t *pair, int *ret_fd);
