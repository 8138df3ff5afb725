/* What the parts of the engine share; nobody else includes it. */
#pragma once

#include "engine.h"
#include "planner.h"

struct Engine {
    Host *host; /* borrowed */
    Store *store;
    gboolean writes;
    char *recovered; /* what recovery did at open; NULL */
};

/* Every plan ends here. Takes `wanted` over. */
Plan *engine_plan_wanted(Engine *engine, Wanted *wanted, const GPtrArray *examine,
                         const PlanOptions *options, GError **error);
