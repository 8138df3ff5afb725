/* What berth keeps of a running instance beside the kernel's own facts: STATE/run/NAME.json says
 * with which facts it was started and which processes it is. A process counts only with its start
 * time and the kernel's boot id (DESIGN 4), so that a record of yesterday means nothing. All
 * changes of one instance's run time happen under its lock. */
#pragma once

#include <sys/types.h>

#include "host.h"
#include "process.h"

#define RECORD_SUFFIX ".json"

/* STATE/run, and STATE/run/NAME.json. Newly allocated. */
char *record_folder(const char *dir);
char *record_path(const char *dir, const char *name);

/* Exclusive use of an instance's run time, among threads and processes; held by the returned
 * descriptor, also in a child that inherits it. Waits up to 90 seconds, then ERR_BUSY. -1 with an
 * error. */
int record_lock(const char *dir, const char *name, GError **error);
/* The same of an instance that may have been removed meanwhile: -1 without an error when it has no
 * lock any more. */
int record_lock_kept(const char *dir, const char *name, GError **error);

/* The record, or NULL without an error when there is none. A record that does not parse counts as
 * none. New reference. */
json_t *record_read(const char *dir, const char *name, GError **error);
gboolean record_write(const char *dir, const char *name, const json_t *record, GError **error);
gboolean record_remove(const char *dir, const char *name, GError **error);

/* STATE/run/NAME.start. Newly allocated. */
char *start_facts_path(const char *dir, const char *name);
/* The facts in STATE/run/NAME.start, to start with next time; NULL when there are none. New
 * reference. */
json_t *start_facts_read(const char *dir, const char *name);

/* The init of a running instance by its record, 0 when it does not run: no record, another boot, a
 * start that never ended, or init or monitor dead. */
pid_t record_init(const json_t *record);
