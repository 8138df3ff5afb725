/* What the parts of the engine share; nobody else includes it. */
#pragma once

#include "contents.h"
#include "engine.h"
#include "locks.h"
#include "planner.h"

struct Engine {
    Host *host; /* borrowed */
    Store *store;
    Snapshot *stored; /* the committed model as plans see it: does not change under one */
    gint64 revision;  /* of `stored` */
    gboolean writes;
    Sealed *sealed;
    gint carrying; /* transactions that may have kept contents which the store does not name yet */
    char *recovered; /* what recovery did at open; NULL */

    /* For a program whose threads make transactions side by side: engine_transact. */
    GMutex mutex;   /* held while a plan is made and its locks are taken */
    GCond released; /* a transaction ended */
    Locks *locks;
    guint running;   /* transactions under way */
    gboolean shares; /* the state lock is held only while some are */

    void (*ended)(void *data, const TransactionEnd *end); /* may be NULL */
    void *ended_data;
};

/* Deletes the contents of secrets that nothing names any more. Needs the state lock. */
void engine_sweep_secrets(Engine *engine);

/* Takes the committed model of now as `stored`. */
void engine_look(Engine *engine);

/* engine_apply for a plan that is known to fit: its objects are held, or nobody else writes. */
gboolean engine_carry_out(Engine *engine, const Plan *plan, const ApplyOptions *options,
                          ApplyResult *ret_result, GError **error);

/* ERR_CONFLICT when one of the objects belongs to a generation that waits for its confirmation,
 * other than `reverts`. */
gboolean engine_check_unconfirmed(Engine *engine, const GPtrArray *put, const GPtrArray *removed,
                                  gint64 reverts, GError **error);

/* Undoes what a crash left, and puts right what does not fit the committed model. */
gboolean engine_recover(Engine *engine, GError **error);

/* Objects that are new in `wanted` take back what is parked of them, if their owner is the same and
 * nothing of them has changed that a root made anew would need (EN-43). */
gboolean restore_parked(Engine *engine, Wanted *wanted, GError **error);

/* Every plan ends here. Takes `wanted` over. */
Plan *engine_plan_wanted(Engine *engine, Wanted *wanted, const GPtrArray *examine,
                         const PlanOptions *options, GError **error);
