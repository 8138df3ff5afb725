/* How a run ended without berth, as a fact for whoever looks next (DESIGN 5):
 * STATE/facts/instance.NAME.json is the last one, {"kind": "instance", "key", "what", "time",
 * "init": [pid, start time]} with
 *
 *   "stopped"   it stopped itself: its init ended in order
 *   "rebooted"  it asked for a reboot
 *   "crashed"   its init died: {"signal": N} or {"status": N}
 *   "lost"      its monitor was killed, and it with that
 *
 * A run that berth ended leaves no such fact: its record, now STATE/run/NAME.last, has "stopping".
 */
#pragma once

#include "json.h"

typedef struct {
    const char *dir, *name, *key;
} Ended;

/* From the hook, for a run that berth did not end; it knows by its environment how init ended, and
 * who init was when the record, of a start that has not ended yet, does not say. `reboot`: liblxc
 * says so. */
gboolean ended_note(const Ended *ended, const json_t *record, gboolean reboot, GError **error);

/* How the last run of an instance that does not run ended, as above, of any boot; NULL when berth
 * ended it, when it is ending just now, or when there was none. Only reads; new reference. */
json_t *ended_read(const char *dir, const char *name);

/* Whether the last run of an instance that does not run ended by itself and in order: what runs
 * once is done (EN-35). Waits for the hook to say it as long as the monitor lives. */
gboolean ended_in_order(const char *dir, const char *name);

/* The newest fact, of whichever run; NULL when there is none. New reference. */
json_t *ended_newest(const char *dir, const char *name);
/* The same for a start whose init has ended already: the first fact other than `before` (may be
 * NULL), which is waited for. */
json_t *ended_next(const char *dir, const char *name, const json_t *before);

/* From whoever finds a record (may be NULL): says that the run was lost when it was of this boot,
 * its monitor is gone, the hook has not said what happened, and berth was not stopping it. */
gboolean ended_note_lost(const Ended *ended, const json_t *record, GError **error);
