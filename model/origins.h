/* Where each field of a stored object was written, kept from the commit that set it (EN-25):
 *
 *   {"sources": [{"file": "/etc/lab.yaml", "revision"?}, {"user": "root", "cause": "api PATCH ...",
 * "time": SECONDS}], "fields": {"config/limits.memory": [0, 9, 5], "description": [1]}}
 *
 * A field holds the position of its source and, in a file, its line and column, and what else has a
 * say in it (Origin.via); "" is the object itself. What is not listed was written where the nearest
 * path above it was. */
#pragma once

#include "object.h"

/* Who changes an object other than by a file. */
typedef struct {
    const char *user;  /* NULL: nobody in particular */
    const char *cause; /* "cli rollback 3" */
    gint64 time;       /* seconds since the epoch */
} Author;

/* Whether some of what a file's object has stays where it was written (object_keep_origin): then
 * origins_of_file needs the old ones. */
gboolean origins_keep_some(const Object *object);

/* Those of an object that comes from a file, or NULL when it does not. `old` may be NULL. A file
 * that is not absolute is below `directory` (NULL: it is kept as it is called). In a repository it
 * is that of `revision` (may be NULL). New reference. */
json_t *origins_of_file(const Object *object, const json_t *old, const char *directory,
                        const char *revision);

/* Those of an object whose spec went from `before` (NULL: it is new) to `after`: what differs is by
 * the author, the rest stays as it was. `old` may be NULL. New reference. */
json_t *origins_merge(const json_t *old, const json_t *before, const json_t *after,
                      const Author *author);

/* Where one field was written: {"where": "FILE:LINE:COLUMN[@REVISION]", "via"?} or {"user",
 * "cause", "time"}. NULL when it is not known. New reference. */
json_t *origins_find(const json_t *origins, const char *path);
