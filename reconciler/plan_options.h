/* What may be planned, as JSON: for saved plans and for requests. */
#pragma once

#include "plan.h"

/* Reads {project, set?, only?: [OBJ...], exclude?: [OBJ...], selector?: TEXT of selector.h, keys?:
 * [KEY...] (only these), prune, adopt, allow_replace?:
 * [OBJ...], allow_restart?: [OBJ...], new_image?: [OBJ...], no_park?: [OBJ...], force, refresh,
 * saved, policies?: {NAME: body}}; lists of "all" or "none" are understood (EN-22, EN-24). The
 * strings are borrowed from `options`, which must live longer. ERR_USAGE for a selector that is
 * none. */
gboolean plan_options_read(const json_t *options, PlanOptions *ret, GError **error);
void plan_options_clear(PlanOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PlanOptions, plan_options_clear)
