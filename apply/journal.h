/* What makes a transaction undoable after a crash: one fsynced record with every step before the
 * first is done, results without fsync, one fsynced record that commits (DESIGN 4). Tables
 * `transactions`, `steps` and `parked` of the store. */
#pragma once

#include "step.h"
#include "store.h"

/* Opens a transaction: durable when it returns, against a power cut as well when there is something
 * to undo after one. ERR_BUSY when one of the steps' objects is in another open transaction. */
gboolean journal_open(Store *store, const char *tx, const char *boot, const char *cause,
                      const GPtrArray *steps, GError **error);

/* Notes a step's state. Not durable: recovery undoes every step whatever its state. */
gboolean journal_note(Store *store, const char *tx, guint position, StepState state,
                      GError **error);

/* Forgets a transaction that is undone or whose purge is queued. Within or outside store_begin. */
gboolean journal_close(Store *store, const char *tx, GError **error);

/* One transaction that is still open. */
typedef struct {
    char *tx;
    char *boot;
    GPtrArray *steps; /* of PlanStep *, in order */
} OpenTransaction;

/* Open transactions, oldest first; new array. */
GPtrArray *journal_unfinished(Store *store, GError **error);

/* The objects that open transactions work on: [{object, cause, since}]. New reference. */
json_t *journal_work(Store *store, GError **error);

/* Queues what a step parked for purging at `until` (seconds since the epoch), within store_begin.
 * `object` is what it was a part of. */
gboolean parked_add(Store *store, const Step *step, const Object *object, gint64 until,
                    GError **error);
/* Takes what a transaction parked of an object out of the queue: it is in use again. */
gboolean parked_forget(Store *store, const char *tx, const char *key, GError **error);
/* Deletes for good what is due (`all`: everything; `key`: only of that object). What cannot be
 * deleted stays queued; the first such failure is the error. */
gboolean parked_purge(Store *store, Host *host, const char *key, gboolean all, guint *ret_count,
                      GError **error);
/* What that deletes, as parked_list: but what a transaction under way may bring back. */
json_t *parked_for_purge(Store *store, const char *key, gboolean all, GError **error);
/* When something of the queue is due next (seconds since the epoch); 0: nothing ever. */
gint64 parked_next(Store *store);
/* The queue: [{key, path, tx, since, until, step, object}]. */
json_t *parked_list(Store *store, GError **error);
