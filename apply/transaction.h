/* A plan being carried out: journal, steps side by side, verify, barrier, commit, purge; on failure
 * undo, last in first out. Opaque between its calls, so that tests can interleave two of them step
 * by step. */
#pragma once

#include "host.h"
#include "journal.h"

typedef struct Transaction Transaction;

/* How far a transaction is, and the step that is told of. */
typedef struct {
    guint done, total;          /* steps */
    guint64 bytes, bytes_total; /* of a long step that runs (meter.h); 0: not known */
} ProgressCount;

/* Called in the owner thread as steps change state, and some times a second while a step that tells
 * its bytes runs. */
typedef void (*ProgressFunction)(void *data, const Step *step, StepState state,
                                 const ProgressCount *count);

typedef struct {
    Store *store;
    Host *host;
    const GPtrArray *steps; /* of PlanStep * */
    Commit commit;          /* borrowed */
    GHashTable *needs;   /* key -> GPtrArray of keys that it refers to; only read with keep_going */
    gboolean keep_going; /* what does not depend on a failed object is kept (EN exit 5) */
    guint parallel;      /* 0: by the number of CPUs; 1: in the calling thread */
    gint64 timeout_seconds; /* 0: none */
    gint64 park_seconds;    /* how long parked data is kept after the commit */
    gint64 confirm_seconds; /* 0: the commit stands; else it waits so long for a confirmation
                               (EN-33) */
    gint64 reverts;         /* the waiting generation that this one takes back; 0: none */
    volatile gint *cancel;  /* may be NULL; non-zero undoes */
    ProgressFunction progress;
    void *progress_data;
    /* Compares what the steps set with the host; `failed` (a set of keys) is left out. */
    gboolean (*verify)(void *data, GHashTable *failed, GError **error);
    void *verify_data;
    /* Writes more within the commit: all of it stands, or nothing; `failed` as for verify. May be
     * NULL. */
    gboolean (*write_along)(void *data, GHashTable *failed, GError **error);
    void *write_along_data;
    /* Called once when the commit stands, before any later one can; may be NULL. */
    void (*committed)(void *data);
    void *committed_data;
} TransactionRequest;

typedef struct {
    gint64 generation;
    gint64 revert_at; /* seconds since the epoch, when it waits for a confirmation; else 0 */
    guint steps_done;
    GPtrArray *failed; /* of char *: "object: error", with keep_going */
    GPtrArray
        *restarted;      /* of char *: objects whose processes an undo had to start again (LAW-3) */
    GPtrArray *remade;   /* of char *: objects that an undo made anew, without the data that the
                            transaction had deleted for good */
    GPtrArray *warnings; /* of char *: purges that have to be tried again */
} TransactionResult;

void transaction_result_clear(TransactionResult *result);

/* All of it. On failure everything is undone: ERR_ROLLED_BACK with the first cause, or
 * ERR_ROLLBACK_INCOMPLETE with every undo failure as well; an error before the first step keeps its
 * own code. */
gboolean transaction_run(const TransactionRequest *request, TransactionResult *ret_result,
                         GError **error);

/* The parts, for tests. `request` must outlive the transaction. */
Transaction *transaction_open(const TransactionRequest *request, GError **error);
gboolean transaction_do(Transaction *transaction, guint position, GError **error);
gboolean transaction_commit(Transaction *transaction, GError **error);
/* Undoes what was begun; `cause` (taken over) is the first error. Always sets `error`. */
void transaction_undo(Transaction *transaction, GError *cause, GError **error);
void transaction_free(Transaction *transaction, TransactionResult *ret_result);
