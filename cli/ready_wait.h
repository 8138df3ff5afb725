/* --wait, and wait: until what an apply changed is ready (EN-35). */
#pragma once

#include "command.h"

/* Looks at `keys` (of char *): {KEY: REASON} of those that are not ready, see ready_judge;
 * `ret_never` when one of them does not become so by itself. NULL with an error. */
json_t *ready_look(Cli *cli, const GPtrArray *keys, gboolean to_run, gboolean *ret_never,
                   GError **error);

/* Waits for what the proposal changed and, unless it is of a selection, for what its files declare,
 * so that the same command says the same again. `until` is monotonic, in microseconds; 0: five
 * minutes from now. Others can write meanwhile. ERR_NOT_READY names what is not ready: when the
 * time is over, or at once when something cannot become ready by itself. `ret_ready` gets
 * {"ready": BOOL, "not_ready": {KEY: REASON}}. */
gboolean ready_wait(Cli *cli, const Proposal *proposal, gint64 until, json_t **ret_ready,
                    GError **error);
