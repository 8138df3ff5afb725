/* Ending the processes of a run: init by the signal that it listens to, then by force; its monitor
 * after it. */
#pragma once

#include "run.h"

/* Returns when both are gone. `halt` names the signal ("SIGPWR"), NULL: what init handles. A
 * timeout of 0 kills at once. */
gboolean stop_processes(const Run *run, json_t *record, const char *halt, gint64 timeout,
                        GError **error);
