/* What the parts of sources share; nobody outside the reconciler includes it. */
#pragma once

#include "source_sync.h"

/* Sets a condition of a source. */
gboolean source_status_condition(Engine *engine, const char *name, const char *type, gboolean is,
                                 const char *reason, GError **error);

/* Adds to `notes` that a revision comes in force, for the commit that brings it; `view`: see
 * source_sync.h. */
gboolean source_note_in_force(Engine *engine, const char *name, const json_t *revision,
                              const json_t *view, json_t **notes, GError **error);

/* Adds to `notes` that what an owner has in force is rolled back; nothing when it is no source. */
gboolean source_note_rollback(Engine *engine, const char *owner, json_t **notes, GError **error);
