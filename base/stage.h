/* Temporary directories that a crash does not leave for ever: who works in one holds a lock on it,
 * and whoever comes next removes those that nobody holds. */
#pragma once

#include "file.h"

/* Makes and locks a directory TMP/PREFIX-XXXXXX, after those of the same prefix and user that were
 * left behind are gone. `ret_lock` holds it. Newly allocated. */
char *stage_make(const char *prefix, Fd *ret_lock, GError **error);

/* Removes a directory of ours and all in it, unless somebody holds it. What cannot be removed
 * stays.
 */
void stage_sweep(const char *path);
