/* The mark of things on disk that berth made: a small JSON object in the xattr user.berth, or,
 * where the file system has no xattrs, in a file: `.berth` inside a directory, `NAME.berth` beside
 * a file. What has no mark is never changed (DESIGN 4). */
#pragma once

#include "json.h"

#define MARK_XATTR "user.berth"
#define MARK_FILE ".berth"

/* The mark of `path`; NULL without error when it has none or does not exist. New reference. */
json_t *mark_read(const char *path, GError **error);

/* Sets the mark. `mark` is borrowed. */
gboolean mark_write(const char *path, const json_t *mark, GError **error);

/* Takes the mark off; none is success. */
gboolean mark_remove(const char *path, GError **error);
