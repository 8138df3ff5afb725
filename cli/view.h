/* Objects as data for people and programs: secrets masked, observed facts beside what is wanted. */
#pragma once

#include "backend.h"
#include "table.h"

/* {kind, project?, name, owner, spec, generated, observed?}. `observed` (may be NULL) is borrowed.
 */
json_t *view_object(const Object *object, const json_t *observed);

/* A value on one line; NULL is "(unset)". Newly allocated. */
char *view_value(const json_t *value);
/* A path of parts as people write it: "config/limits.memory" -> "config.limits.memory". Newly
 * allocated. */
char *view_path(const char *path);

/* Seconds since 1970 as "2026-01-02T03:04:05Z"; text as it is; "" for anything else. Newly
 * allocated. */
char *view_time(const json_t *value);

/* The facts of one object among what backend_observe saw, borrowed; NULL when they could not be
 * read (the reason goes to stderr with -v). */
const json_t *view_facts(const json_t *seen, const Object *object);

/* A table of objects. When all are of one kind its own columns are shown (an instance's state and
 * addresses), else the common ones. `seen` is what backend_observe saw of them, or an empty object.
 */
Table *view_table(const GPtrArray *objects, const Kind *kind, const json_t *seen);
