/* What the two halves of a transaction share: its life, undo and commit (transaction.c), and how
 * its steps run side by side (run.c). */
#pragma once

#include "barrier.h"
#include "transaction.h"

/* Bytes of a running step change so often what is told. */
#define TELL_EVERY_US (100 * 1000)

/* How far one step is: written by its worker, read by the owner thread. */
typedef struct {
    Transaction *t;
    guint64 bytes, bytes_total;
    guint64 told;     /* of bytes */
    gint64 told_last; /* when */
} Gauge;

struct Transaction {
    const TransactionRequest *request;
    char *tx;
    GPtrArray *steps; /* of Step *: the plan's, with this transaction's id */
    StepState *states;
    Gauge *gauges;
    GThread *owner;
    GArray *begun;      /* of guint: positions in the order in which they began */
    GHashTable *failed; /* set of keys; with keep_going */
    Barrier barrier;
    TransactionResult result;
};

static inline const PlanStep *plan_step_at(const Transaction *t, guint position)
{
    return t->request->steps->pdata[position];
}

/* Takes note that a step begins, in the owner's thread. */
void transaction_begin_step(Transaction *t, guint position);
/* Does it, in any thread. */
gboolean transaction_carry_out(Transaction *t, guint position, GError **error);
/* Sets the state of a step, and tells of it. */
void transaction_report(Transaction *t, guint position, StepState state);
/* Tells of running steps whose bytes have changed. */
void transaction_report_bytes(Transaction *t);
/* Undoes the begun steps of the objects in `keys` (NULL: of all), newest first; failures are added
 * to `failures`. */
void transaction_undo_begun(Transaction *t, GHashTable *keys, GString *failures);
