/* Objects as data for people and programs: secrets masked, observed facts beside what is wanted. */
#pragma once

#include "engine.h"
#include "table.h"

/* {kind, project?, name, owner, spec, generated, observed?}. `observed` (may be NULL) is borrowed.
 */
json_t *view_object(const Object *object, const json_t *observed);

/* Replaces the secrets in {spec, generated} of the object with that key; NULL or another type is
 * left as it is. */
void view_mask(const char *key, json_t *stored);

/* A value on one line; NULL is "(unset)". Newly allocated. */
char *view_value(const json_t *value);
/* A path of parts as people write it: "config/limits.memory" -> "config.limits.memory". Newly
 * allocated. */
char *view_path(const char *path);

/* Seconds since 1970 as "2026-01-02T03:04:05Z"; text as it is; "" for anything else. Newly
 * allocated. */
char *view_time(const json_t *value);

/* Facts of an object as the host shows them; NULL without error when they cannot be read (the
 * reason goes to stderr with -v). */
json_t *view_observe(Engine *engine, const Object *object);

/* A table of objects. When all are of one kind its own columns are shown (an instance's state and
 * addresses), else the common ones. `facts` has the observed facts by key, or is NULL. */
Table *view_table(const char *dir, const GPtrArray *objects, const Kind *kind, const json_t *facts);
