/* What comes and goes with a project that is made, renamed or deleted over the API. */
#pragma once

#include "snapshot.h"

/* Sets the features that the body of a new project does not name to their defaults, as LXD stores
 * them (PJ-102..105). */
void project_set_features(json_t *body);

/* Adds to what is put in (objects) and taken out (keys, borrowed from the model) the profile
 * default of a project (PJ-13). `stored` is the project before, `wanted` afterwards; NULL: there is
 * none. */
void project_add_profile(const Snapshot *model, const Object *stored, const Object *wanted,
                         GPtrArray *objects, GPtrArray *keys);
