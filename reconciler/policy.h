/* Policies over a plan (EN-26): rules that deny, warn of or require what objects are to be, and
 * budgets of what one plan may do. Pure. */
#pragma once

#include "plan.h"

/* Checks the plan's objects against the policies of the model before and after it, so that a change
 * cannot lift the policy that forbids it, and against `extra` (of Object * of kind policy; may be
 * NULL). What is denied goes to plan->blocked (ERR_REFUSED), the rest to plan->warnings. A policy
 * that the plan makes or changes is also held against what is there already, which it only warns
 * of. Drift that is put right is not a change that somebody wants, and is not checked. */
void policy_check(Plan *plan, const GPtrArray *extra);
