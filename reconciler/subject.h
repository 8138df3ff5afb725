/* One object while a plan is made: its facts on both sides, and what of the difference is allowed.
 */
#pragma once

#include "facts.h"
#include "planner.h"

typedef struct {
    const Object *stored;   /* NULL: new */
    const Object *wanted;   /* NULL: goes */
    json_t *observed;       /* with the '$' arguments of what is stored */
    json_t *expected;       /* with what is not allowed held back */
    json_t *was_expected;   /* of what is stored: the measure of drift; NULL when it is new */
    GPtrArray *changes;     /* of FactChange * */
    gboolean anew;          /* goes whole before it comes whole: PlanObject.anew */
    GPtrArray *held;        /* of FactRow *: whose change is not allowed */
    GPtrArray *held_fields; /* of PlanField *: what of the facts waits for it */
} Subject;

/* Expects what `observed` (borrowed) should be and compares. `key` is of an object in the stored
 * model or in plan->next. NULL with an error that names the object. */
Subject *subject_new(Planner *planner, const char *key, const json_t *observed, GError **error);
void subject_free(Subject *subject);

/* What a change costs when no field of the spec explains it. */
Label subject_cost(const FactChange *change);
gboolean subject_is_renamed(const Subject *subject);
/* Whether a change that costs `label` is held back. */
gboolean subject_holds(const Subject *subject, Label label);
