/* What may be planned, as JSON: for saved plans and for requests. */
#pragma once

#include "plan.h"

/* Reads {project, set?, only?: [OBJ...], exclude?: [OBJ...], prune, adopt, allow_replace?:
 * [OBJ...], allow_restart?: [OBJ...], no_park?: [OBJ...], force, refresh, saved, policies?: {NAME:
 * body}}; lists of "all" or "none" are understood (EN-22, EN-24). The strings are borrowed from
 * `options`, which must live longer. */
void plan_options_read(const json_t *options, PlanOptions *ret);
void plan_options_clear(PlanOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PlanOptions, plan_options_clear)
