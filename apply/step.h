/* The steps of a plan: what a driver's row does to one fact, when, and after which others. */
#pragma once

#include "driver.h"

/* The phases of a transaction, in order; steps of a later one wait for all of an earlier one
 * (DESIGN 4, 'Bands'). */
typedef enum {
    PHASE_ADD,    /* additive steps, referenced objects first */
    PHASE_DOWN,   /* disruptive removals, referring objects first */
    PHASE_CHANGE, /* disruptive changes in place, referenced objects first */
    PHASE_UP,     /* what PHASE_DOWN took down to change it comes up again */
    PHASE_MAX
} Phase;

typedef enum {
    STEP_WAITING,
    STEP_RUNNING,
    STEP_DONE,
    STEP_FAILED,
    STEP_UNDONE,
    STEP_UNDO_FAILED
} StepState;

typedef struct {
    Step step; /* tx is NULL until it is applied, but for data that an earlier transaction parked */
    char *object; /* key of the object that the step is done for: after a rename not always that of
                     the fact (step.key) */
    const FactRow *row;
    gboolean staging; /* the staging half of a change */
    gboolean purges;  /* leaves something parked */
    gboolean final;   /* what it parks is deleted for good at once (EN-31, --no-park) */
    Phase phase;
    GArray *after; /* of guint: positions of steps that must be done first (of the same phase) */
} PlanStep;

PlanStep *plan_step_new(const FactRow *row, const char *key, const char *path, json_t *from,
                        json_t *to, Phase phase);
void plan_step_free(PlanStep *step);

/* A step of its own, with a transaction's id unless it has one. References are shared. */
Step *step_copy(const Step *step, const char *tx);
/* Says that steps (array of PlanStep *) are about to be carried out, or not any more. */
void plan_steps_ahead(Host *host, const GPtrArray *steps, gboolean on);
/* Carries a step out, or the staging half of one. No state but the host's is touched. */
gboolean plan_step_do(Host *host, const PlanStep *plan_step, const Step *step, GError **error);
/* Takes a step back: staged data is thrown away, a fact goes from `to` to `from` again; what the
 * step itself had added is not kept parked, and what it had deleted for good is made anew. `step`
 * is the plan's step with the transaction's id. Accepts that the step never or only half happened.
 */
gboolean plan_step_undo(Host *host, const PlanStep *plan_step, const Step *step, GError **error);
void step_free(Step *step);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Step, step_free)

/* A step as journal text and back; NULL when the text is none. */
json_t *plan_step_to_json(const PlanStep *step);
PlanStep *plan_step_from_json(const json_t *value);
