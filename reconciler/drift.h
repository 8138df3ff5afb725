/* How objects are on the host, what is stored of them, and what the files of their sources declare:
 * the three states of a field (EN-22, EN-40), since when they part, and what is done about it. */
#pragma once

#include "engine.h"

/* Of a plan towards what is stored, with the objects `keys` (of const char *) that it is about:
 *
 *   [{"key", "kind", "project", "name", "owner", "actions", "label": as in the plan,
 *     "mode": see mode.h, "since": SECONDS or null (nobody noticed it yet), "next": TEXT,
 *     "fields": [{"path", "desired", "stored", "running", "label", "state": "drift" (running is not
 *                 as stored), "pending" (waits for a restart) or "edited" (stored is not as the
 *                 source declares); "source": FILE:LINE:COLUMN or null}]}]
 *
 * Values that are not there are null, secrets are masked. Objects that differ in nothing are left
 * out. What cannot be told of a source is added to `warnings`. */
json_t *drift_list(Engine *engine, const Plan *plan, const GPtrArray *keys, json_t *warnings,
                   GError **error);
/* Whether a field of an object in it is in that state. */
gboolean drift_has_state(const json_t *entry, const char *state);
/* Whether one of them is not as stored, or with `edited` not as its source declares. */
gboolean drift_is_any(const json_t *list, gboolean edited);

/* For people, `with_desired` in three columns and with what is done, else in two. */
void drift_print(const json_t *list, gboolean with_desired, gboolean colour, GString *text);
/* What is stored and what runs as a unified diff; for reading, no file has it. */
void drift_print_patch(const json_t *list, GString *text);

/* What was edited over the API of what sources own, as the patch of their files that it would be
 * (EN-44): {"text", "left": [what a patch cannot say]}. New reference. */
json_t *drift_as_patch(Engine *engine, const GPtrArray *keys, GError **error);

/* Whether the repair of an object would make people's data anew. */
gboolean drift_lacks_data(const Plan *plan, const char *key);
/* Somebody stopped it over the API, whatever files declare (EN-44). */
gboolean drift_is_stopped_by_hand(const PlanObject *object);
