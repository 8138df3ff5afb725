/* The end of a transaction's writes on disk: what its steps wrote is synced before it commits
 * (LAW-4, EN-30). Steps that live in the kernel alone write nothing that is to outlast a power cut:
 * a transaction of such needs no barrier, nor a journal that outlasts one. */
#pragma once

#include "step.h"

typedef struct {
    GThread *thread; /* of one that is under way; NULL: none */
} Barrier;

/* Whether a power cut may leave something of these steps (array of PlanStep *). */
gboolean barrier_needed(const GPtrArray *steps);

/* Whether all of them that write are done, and there are such. */
gboolean barrier_is_due(const GPtrArray *steps, const StepState *states);

/* Syncs in a thread, while others wait for something else. */
void barrier_begin(Barrier *barrier, Host *host);
/* Waits for what was begun. FALSE with its error; TRUE when nothing was. */
gboolean barrier_end(Barrier *barrier, GError **error);
