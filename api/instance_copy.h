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
        *body; /* InstancesPost of a copy: what it says goes before the source; NULL: move */
    gboolean inconsistent; /* files that change meanwhile are no matter */
} InstanceCopy;

/* A PlanFunction on an InstanceCopy. */
Plan *instance_copy_plan(Engine *engine, void *data, GError **error);
