/* A plan carried out on a copy of the host in memory, through the same transaction: what an apply
 * would do, in which order, and what does not fit. Neither the host nor the store is touched. */
#pragma once

#include "engine.h"

/* {"steps": [{"key", "object", "name", "path", "state": "waiting" | "done" | "failed" | "undone" |
 * "undo-failed", "microseconds"}] in the order in which they ran, "microseconds": of all of it,
 * "left": [what a plan made afterwards would still do], and if it failed "error" and "code"
 * (error_word)}. Times are those of the memory. NULL with an error that apply would have before its
 * first step. Any thread. */
json_t *engine_rehearse(Engine *engine, const Plan *plan, GError **error);

/* Adds it to a text for people. */
void rehearsal_print(const json_t *rehearsal, GString *text);
/* FALSE with what went wrong in it; NULL is no rehearsal, in which nothing did. */
gboolean rehearsal_check(const json_t *rehearsal, GError **error);
