/* Instances made of instances of this server: copies, within and between projects and pools, and
 * moves to other projects (I-229, EXT-072..). A move is a copy that keeps what was drawn and
 * deletes the first, as one transaction. */
#pragma once

#include "call.h"

typedef struct {
    const Call *call;
    const char *from_project, *from; /* the source */
    const char *project, *name;      /* the new one */
    const json_t
        *body;        /* InstancesPost of a copy: what it says goes before the source; NULL: move */
    const char *pool; /* of a move: where the root goes to; NULL: it stays on its pool */
    gboolean inconsistent; /* files that change meanwhile are no matter */
} InstanceCopy;

/* A PlanFunction on an InstanceCopy. */
Plan *instance_copy_plan(Engine *engine, void *data, GError **error);

/* A move to another pool within the project, maybe under another name (EXT-228). */
typedef struct {
    const Call *call;
    const char *from, *name, *pool;
} PoolMove;

/* A PlanFunction on a PoolMove. */
Plan *instance_pool_plan(Engine *engine, void *data, GError **error);

/* The pool of the root disk, as the model says; NULL without one. Newly allocated. */
char *instance_root_pool(const Snapshot *model, const Object *instance);
