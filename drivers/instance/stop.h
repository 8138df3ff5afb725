/* Ending the processes of a run: init by the signal that it listens to, then by force; its monitor
 * after it. */
#pragma once

#include "run.h"

/* Returns when both are gone. When a gentle stop fails, everything runs on. */
gboolean stop_processes(const Run *run, json_t *record, const Stop *stop, GError **error);

/* Kills init at once, without any lock: whoever waits for a gentle stop sees it end. FALSE when it
 * does not run. */
gboolean stop_kill(const char *dir, const char *name);
