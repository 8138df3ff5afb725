/* Each resource limit's files in both versions of control groups. */
#pragma once

#include "cgroup.h"

typedef struct {
    const char *key; /* in the fact */
    const char *controller;
    const char *v1, *v2;           /* file; NULL: not in this version */
    const char *v1_none, *v2_none; /* text that takes the limit away; NULL: see limit_write */
} Limit;

/* In the order in which they are written; ended by key NULL. */
extern const Limit LIMITS[];

const Limit *limit_by_key(const char *key);

/* The value in force, NULL when there is no limit or no such file. `cpus` is the host's set. FALSE
 * with an error when reading fails. */
gboolean limit_read(const Limit *limit, const Groups *groups, const char *cpus, char **ret_value,
                    GError **error);
/* Sets a limit; NULL takes it away. */
gboolean limit_write(const Limit *limit, const Groups *groups, const char *cpus, const char *value,
                     GError **error);

/* As liblxc's items. */
void limit_add_items(const Limit *limit, const char *value, gboolean v2, json_t *items);
