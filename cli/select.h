/* OBJ on the command line: "instance/web", "server", with * and ? "instance/w*", or a kind alone
 * for all of it. */
#pragma once

#include "snapshot.h"

/* The key that one OBJ without wildcards names, seen from `project`, whether the object exists or
 * not. Newly allocated; NULL with ERR_USAGE when there is no such kind or no name. */
char *select_key(const Snapshot *snapshot, const char *text, const char *project, GError **error);

/* The object that one OBJ names. Borrowed; NULL with ERR_NOT_FOUND. */
const Object *select_object(const Snapshot *snapshot, const char *text, const char *project,
                            GError **error);

/* Keys (char *, in key order) of all objects that any of `words` (NULL-terminated) names; no words:
 * all objects of `project`, or of every project when that is NULL. A word that names nothing is
 * ERR_NOT_FOUND. */
GPtrArray *select_keys(const Snapshot *snapshot, char *const *words, const char *project,
                       GError **error);
