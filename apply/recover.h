/* After a crash: undo what was open, purge what was committed (LAW-4). */
#pragma once

#include "journal.h"

/* Undoes every open transaction: all its steps in reverse; kernel steps of another boot count as
 * undone by it. `ret_keys` gets the objects that were touched (of char *). ERR_ROLLBACK_INCOMPLETE
 * names each step that could not be undone; its transaction stays open, so that the next start
 * tries again. `ret_summary` gets one line for people, or NULL when there was nothing. */
gboolean recover_run(Store *store, Host *host, GPtrArray *ret_keys, char **ret_summary,
                     GError **error);
