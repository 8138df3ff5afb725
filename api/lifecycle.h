/* What a committed plan means to listeners: lifecycle events (events.md, section 4). */
#pragma once

#include "events.h"
#include "plan.h"

void lifecycle_of_plan(Events *events, const Plan *plan, const Caller *caller);

/* What another program made of `before`: objects that are new, changed or gone. */
void lifecycle_of_models(Events *events, const Snapshot *before, const Snapshot *after);
