/* Objects as data for people and programs: secrets masked, observed facts beside what is wanted. */
#pragma once

#include "engine.h"
#include "table.h"

/* {kind, project?, name, owner, spec, generated, observed?}. `observed` (may be NULL) is borrowed.
 */
json_t *view_object(const Object *object, const json_t *observed);

/* Facts of an object as the host shows them; NULL without error when they cannot be read (the
 * reason goes to stderr with -v). */
json_t *view_observe(Engine *engine, const Object *object);

/* A table of objects. When all are of one kind its own columns are shown (an instance's state and
 * addresses), else the common ones. `facts` has the observed facts by key, or is NULL. */
Table *view_table(const char *dir, const GPtrArray *objects, const Kind *kind, const json_t *facts);
