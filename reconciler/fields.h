/* Fields compared: what an edit changes in an object's spec, and in what an instance gets from its
 * profiles (EN-22). Pure. */
#pragma once

#include "plan.h"

PlanField *plan_field_new(const char *path, const json_t *before, const json_t *after, Label label);
void plan_field_free(PlanField *field);

/* Differences between two specs of one object (either may be NULL: absent), by their rows; compared
 * by meaning. New array of PlanField *, sorted by path. */
GPtrArray *fields_diff(const Object *before, const Object *after);

/* For an instance: its own fields, and config and devices as expanded before and after, each marked
 * with where it comes from. */
GPtrArray *fields_diff_expanded(const Snapshot *base, const Object *before, const Snapshot *next,
                                const Object *after);

/* Row of a field path of a kind ("config/limits.cpu", "devices/eth0/mtu" with its device,
 * "description"); NULL when unknown. */
const Row *fields_row(const Object *object, const char *path);
