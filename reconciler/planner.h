/* Makes a plan: completes what is wanted, looks at the host, compares, and orders the steps. Reads
 * the host, never writes. */
#pragma once

#include "host.h"
#include "order.h"
#include "plan.h"
#include "wanted.h"

/* One plan in the making; what the parts below share. */
typedef struct {
    Host *host;
    const Snapshot *base;
    const PlanOptions *options;
    Wanted *wanted;
    HostFacts *host_facts;
    Context before;      /* of base */
    Context after;       /* of plan->next */
    GHashTable *touched; /* set of keys of what changes in the model, and of what refers to it:
                            facts of others are expected to stay as they are. Set by
                            planner_complete_model. */
    Plan *plan;
} Planner;

/* `examine` (of char *, may be NULL): more objects whose host state is compared though nothing of
 * them changes. Takes nothing over. NULL with the error that refuses the plan. */
Plan *planner_make(Host *host, const Snapshot *base, gint64 revision, Wanted *wanted,
                   const GPtrArray *examine, const PlanOptions *options, GError **error);

/* Adds an object that is stored and only gets the owner of `owned`. Seal the plan afterwards. */
void plan_add_adopted(Plan *plan, const Object *owned);

/* Adds a reason why the plan cannot be applied. Takes `text` over. */
void planner_block(Plan *plan, ErrorCode code, char *text);

/* planner_model.c: the model after the plan: generated values, who is affected, checks. */
gboolean planner_complete_model(Planner *planner, GPtrArray *ret_examine, GError **error);

/* The model after the plan, from what is wanted by now. */
void planner_set_next(Planner *planner);
/* Reads from the host what only it knows of an object, into `generated`. */
gboolean planner_resolve(Planner *planner, const Object *object, GError **error);

/* planner_images.c: images of other servers that instances are made from. */
gboolean planner_add_images(Planner *planner, GError **error);

/* Warns of instances that stay on what their image was (EN-09). */
void planner_tell_newer_images(Planner *planner);

/* planner_steps.c: the ordered steps for plan->objects. `changes`: key -> GPtrArray of FactChange *
 * (or NULL). */
void planner_add_steps(Planner *planner, const Order *order, GHashTable *changes);

/* plan.c: computes the hash once everything is in. */
void plan_seal(Plan *plan);

/* One object to look at: as it is wanted, and as it was, when it changes: what it had of a device
 * that goes is seen by the latter. */
typedef struct {
    const Object *object;
    const Context *context;
    const Object *former; /* may be NULL */
    const Context *former_context;
} Sight;

/* Observes many objects side by side. `sights` of Sight; returns facts in the same order, or NULL
 * with the first error, which names the object (LAW-7). */
GPtrArray *planner_observe(Host *host, const GArray *sights, GError **error);
