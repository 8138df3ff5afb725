/* What somebody wants planned, in one form for the command and the API (EN-36): as JSON, so that it
 * can be sent. Exactly one of
 *
 *   "files"     [{"name", "text"}]: state files; "vars" may give values to their variables
 *   "objects"   what a client has read of state files: see wish_objects; "lock" may have
 *               the text of their images.lock (image_lock_print)
 *   "delete"    [KEY]
 *   "repair"    [KEY]: as they are stored; the plan shows where the host differs
 *   "patch"     [KEY]: nothing, but what was edited of them as a patch of their sources' files
 *   "rollback"  {"generation": N (0: the newest), "to": bool} (EN-46)
 *   "undelete"  KEY (EN-31)
 *   "revert"    N: the unconfirmed generation that is taken back (EN-33)
 *
 * and "options" (plan_options.h); with "rehearse": true the plan is rehearsed as well (rehearse.h);
 * with "drift": true what a repair finds is told field by field (drift.h); with "agreed", a
 * plan_json_digest, only that very plan is made.
 */
#pragma once

#include "engine.h"

typedef struct Wish Wish;

/* `project` is that of objects and options that name none. ERR_INVALID when it is no wish, or its
 * files and objects are not well made. */
Wish *wish_new(const json_t *body, const char *project, GError **error);
/* The same for objects that are read already; `input` is borrowed, and `body` has none of its own.
 */
Wish *wish_of_input(const json_t *body, const Input *input);
void wish_free(Wish *wish);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Wish, wish_free)

/* A PlanFunction on a Wish. ERR_CONFLICT when it is another plan than "agreed". */
Plan *wish_plan(Engine *engine, void *wish, GError **error);

/* The plan as it is shown (plan_shown), with what else was asked for. NULL with an error. */
json_t *wish_shown(Engine *engine, const Wish *wish, const Plan *plan, GError **error);

/* Objects of an input, to be sent as "objects": [{"kind", "project", "name", "spec", "file",
 * "origins": [[PATH, LINE, COLUMN, FILE?, VIA?]], "content"?}], so that messages name the line
 * (EN-03). "content" is the fingerprint of an image whose files the client sends (image-files of
 * the API) instead of naming them; its `source.file` is then a path of the client. */
json_t *wish_objects(const Input *input);
