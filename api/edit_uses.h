/* What refers to an object by name, and follows when the object is renamed. */
#pragma once

#include "snapshot.h"

/* Adds the instances and images that have the profile `stored`, with its new name in its place, to
 * `objects`. */
void profile_rename_uses(const Snapshot *model, const Object *stored, const char *name,
                         GPtrArray *objects);
