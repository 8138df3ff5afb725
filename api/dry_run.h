/* `?dry-run=1` (EN-27): the plan is the answer, and nothing is done. call_transact does this by
 * itself; handlers that act in other ways ask first. What a handler answers after the plan is
 * dropped. */
#pragma once

#include "call.h"

/* Whether only the plan is asked for. */
gboolean call_is_dry_run(const Call *call);

/* Answers with a plan, which is taken over; FALSE when it is NULL. */
gboolean dry_run_answer(const Call *call, Plan *plan);

/* Answers for what is no change of the model, such as a file of an instance: a plan without one,
 * and a warning that says what would be done ("/etc/motd of instance web would be deleted"). */
gboolean dry_run_would(const Call *call, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
