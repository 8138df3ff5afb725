/* Holds (EN-47): a field, or a whole object, stays as it is stored whatever files and sources say,
 * until a time, or until they say the same. Drift of what is held is shown as ever. */
#pragma once

#include "wanted.h"

/* Drops what has ended from the notes of a space and makes a list: [{object, path, until, since,
 * reason, by}], in the order of keys. `path` "" is the whole object, `until` 0 lasts until the
 * files say the same. New reference. */
json_t *holds_active(const json_t *notes, gint64 now);
/* Adds to the holds of such a list, from the notes of SPACE_HELD, what files and sources wanted
 * otherwise when they were last applied: "wants": [{path, value, where}], in the order of paths.
 * `value` is null where they have none, and no secret; `where` may be that of what encloses it.
 * Holds that nothing was applied against since they are there have none. */
void holds_add_wants(const json_t *holds, const json_t *notes);
/* What is wanted instead of the field's stored value: {value, where}. New reference; NULL when that
 * is not known, or the same. */
json_t *holds_want(const json_t *hold, const char *path);

/* The hold on a field, or on all of its object; NULL when it is free. Borrowed. */
const json_t *holds_find(const json_t *holds, const char *key, const char *path);

/* The note for one hold: {space: {key: value}} added to `notes`. What was wanted of an earlier one
 * is forgotten. */
void holds_note(json_t **notes, const char *key, const char *path, gint64 until, const char *reason,
                const char *by);
/* The same to take it back. */
void holds_drop(json_t **notes, const char *key, const char *path);

/* Puts what is held back to how it is stored, in objects that input declares or takes out, with a
 * warning for each. What they want otherwise becomes notes where that is news (`holds` has
 * "wants"), so that it can be told later without the files. */
void holds_keep(const json_t *holds, const Snapshot *base, Wanted *wanted, json_t **notes);
