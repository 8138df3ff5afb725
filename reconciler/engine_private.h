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
    Sealed *sealed; /* NULL: of a rehearsal, which keeps no contents */
    gint carrying;  /* transactions that may have kept contents which the store does not name yet */
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

/* What goes out of this program goes the way that the model says (SV-36, SV-63). */
void engine_follow_proxy(const Snapshot *stored);

/* Lets others plan and write around what takes long while a thread plans; for Host.pause. */
void engine_pause(void *data, gboolean on);

/* Whether all that the steps of a plan need from elsewhere is here. */
gboolean engine_has_all(Engine *engine, const Plan *plan);
/* Gets it here (DESIGN 4, 'Locks'). Any thread, no lock held. */
gboolean engine_fetch(Engine *engine, const Plan *plan, const ApplyOptions *options,
                      GError **error);
/* The objects of the plan, as they are to be committed, that got more known by a fetch. Newly
 * allocated; NULL with an error. */
GPtrArray *engine_fetched(Engine *engine, const Plan *plan, GError **error);
/* After the commit. */
void engine_fetch_end(Engine *engine, const Plan *plan);

/* Takes the committed model of now as `stored`. */
void engine_look(Engine *engine);

/* engine_apply for a plan that is known to fit: its objects are held, or nobody else writes. */
gboolean engine_carry_out(Engine *engine, const Plan *plan, const ApplyOptions *options,
                          ApplyResult *ret_result, GError **error);

/* FALSE with the error that a plan would have before its first step: what is blocked, and what
 * waits for a confirmation. */
gboolean engine_may_write(Engine *engine, const Plan *plan, GError **error);

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
