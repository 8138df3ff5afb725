/* An edit over the API of what a source owns (EN-44): refused, or held, as the source's row on_edit
 * says. */
#pragma once

#include "engine.h"

/* Whether `stored` may become `wanted` (NULL: be deleted). Adds the holds that follow to `notes`,
 * for the commit of the edit. ERR_OWNED names the fields and where the source says them. `by` is
 * who asks. */
gboolean source_edit_check(Engine *engine, const Object *stored, const Object *wanted,
                           const char *by, json_t **notes, GError **error);
/* The same for a power state that an instance is asked to have. */
gboolean source_edit_check_power(Engine *engine, const Object *stored, const char *state,
                                 const char *by, json_t **notes, GError **error);
