/* One change of one object by a request: create, replace (PUT), merge (PATCH), rename, delete. What
 * is read, checked against If-Match and written is one transaction. */
#pragma once

#include "call.h"

typedef enum { EDIT_CREATE, EDIT_REPLACE, EDIT_MERGE, EDIT_RENAME, EDIT_DELETE } EditMode;

typedef struct {
    const Call *call; /* for project and If-Match; NULL: no If-Match */
    EditMode mode;
    KindId kind;
    const char *project; /* that the object is in, "" for kinds outside projects */
    const char *name;
    const json_t *body; /* as the API writes the kind; NULL to delete */
} Edit;

/* A PlanFunction on an Edit. */
Plan *edit_plan(Engine *engine, void *data, GError **error);

/* Whether it is something that may be renamed or deleted: project default and its profile default
 * are always there (PJ-06, PF-09). */
gboolean edit_check_default(KindId kind, const char *name, EditMode mode, GError **error);

/* Carries an edit of the call's project out, and waits for it. */
gboolean edit_run(Call *call, EditMode mode, KindId kind, const char *name, const json_t *body,
                  GError **error);
