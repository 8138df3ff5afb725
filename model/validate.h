/* Checks of a model: each object by its rows, then references and rules across objects. Collects
 * all problems, so that one run names every mistake (EN-03). */
#pragma once

#include "snapshot.h"

typedef enum { PROBLEM_ERROR, PROBLEM_REMARK, PROBLEM_UNSUPPORTED } Severity;

typedef struct {
    Severity severity;
    char *object; /* label, or "" for the input as a whole */
    char *path;   /* "config/limits.memory" */
    char *where;  /* "FILE:LINE:COLUMN" or NULL */
    char *text;   /* what is wrong and what to do */
} Problem;

struct Problems {
    GPtrArray *items; /* of Problem * */
    guint errors;
    guint unsupported;
};

Problems *problems_new(void);
void problems_free(Problems *problems);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Problems, problems_free)

/* Adds one problem about a field of an object (object may be NULL). */
void problem_add(Problems *problems, Severity severity, const Object *object, const char *path,
                 const char *format, ...) G_GNUC_PRINTF(5, 6);
/* Adds one problem of the input at a place, before there is an object. */
void problem_add_at(Problems *problems, Severity severity, const char *file, guint line,
                    guint column, const char *path, const char *format, ...) G_GNUC_PRINTF(7, 8);

/* Adds a problem from its parts; `where` and `text` are stolen. For code that knows the label
 * before there is an object. */
void problem_take(Problems *problems, Severity severity, const char *object, const char *path,
                  char *where, char *text);
/* So many are kept already that a further one is only counted: no need to look for the nearest
 * name. */
gboolean problems_are_full(const Problems *problems);
/* "FILE:LINE:COLUMN", "FILE" when the line is 0, NULL when the file is. Newly allocated. */
char *problem_place(const char *file, guint line, guint column);

/* "FILE:LINE:COL: instance/web: config.limits.memory: TEXT", one line without newline. Newly
 * allocated. */
char *problem_text(const Problem *problem);

/* The collected errors as one GError (ERR_INVALID, or ERR_UNSUPPORTED when there are only those),
 * one line each; TRUE and no error when there are none. `with_unsupported` counts
 * PROBLEM_UNSUPPORTED as errors (plan and writes; validate only remarks). */
gboolean problems_to_error(const Problems *problems, gboolean with_unsupported, GError **error);

/* Checks one object's own fields: rows, types, bounds, where keys apply. */
void validate_object(const Snapshot *snapshot, const Object *object, Problems *problems);

/* Checks references, kind hooks and project limits of the objects `keys` (NULL: all) within
 * `snapshot`. */
void validate_snapshot(const Snapshot *snapshot, const GPtrArray *keys, Problems *problems);

/* Checks that no network takes over a subnet that another one still has when it comes: both are
 * there at once for a while. `renamed` (new key -> old key) are one and the same. */
void validate_handover(const Snapshot *before, const Snapshot *after, GHashTable *renamed,
                       Problems *problems);
