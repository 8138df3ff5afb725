/* The run time of one instance: starting, stopping, and what a run leaves behind. Everything here
 * wants the instance's lock (record.h) held by the caller. Instances are named by their disk name.
 */
#pragma once

#include "host.h"

/* Where an instance's things are. */
typedef struct {
    const char *dir;  /* state directory */
    const char *name; /* disk name */
    const char *key;  /* of the object; for the mark */
    int lock;         /* held */
} Run;

/* Says that a container is about to be started, or is not after all: what takes its time is got
 * ready meanwhile. */
void run_ahead(gboolean on);

/* Starts a container from the facts of `running`; it must not run. Returns when init runs, with
 * NICs, disks and limits in place. When it fails, nothing is left: no process, link, control group
 * or mount. */
gboolean run_start(const Run *run, const json_t *facts, GError **error);

/* How a run is ended. */
typedef struct {
    const char *halt; /* the signal for a clean stop ("SIGPWR"); NULL: what init listens to */
    gint64 timeout;   /* seconds that it may take; 0: killed at once; -1: as long as it takes */
    gboolean gentle;  /* an error when it took too long, instead of a kill */
} Stop;

/* A clean stop, then a kill; then everything that the run made goes. Success when it does not run.
 */
gboolean run_stop(const Run *run, const Stop *stop, GError **error);

/* Takes away what a run that is over left: processes in its groups, groups, links, routes, mounts,
 * its record. */
gboolean run_sweep(const Run *run, const json_t *record, GError **error);

/* Freezes or thaws a running instance. */
gboolean run_freeze(const Run *run, const json_t *record, gboolean freeze, GError **error);

/* ---- NICs: nic.c ---- */

/* Before a start: the bridges are there, and no foreign link has a name that is needed. */
gboolean nics_check(const Run *run, const json_t *nics, GError **error);
/* After a start: what liblxc does not do at the host's end of each NIC. */
gboolean nics_finish(const Run *run, const json_t *nics, GError **error);
/* Takes away the host's ends and what hangs on them. */
gboolean nics_remove(const Run *run, const json_t *nics, GError **error);
gboolean nic_plug(const Run *run, pid_t init, const char *device, const json_t *nic,
                  GError **error);
gboolean nic_unplug(const Run *run, const char *device, const json_t *nic, GError **error);
/* In place; FALSE without an error when the difference needs a new plug. */
gboolean nic_change(const Run *run, const json_t *from, const json_t *to, gboolean *ret_done,
                    GError **error);
/* What the host shows of a NIC that the record says is there; NULL without an error when it is
 * gone. */
json_t *nic_observe(const json_t *recorded, const json_t *wanted, GError **error);

/* ---- disks: disk.c ---- */

/* {DEVICE: {"source", "directory"}} of all disks that can be mounted; a file system on a block
 * device is mounted among the host's mounts for the time of the start. Missing sources are left out
 * when they are not required, else an error. */
json_t *disks_open(const Run *run, const json_t *disks, GError **error);
/* Takes those mounts off again. */
void disks_close(const Run *run, const json_t *disks);
/* Device and root of each mounted disk as init's mountinfo has them, for the record. New reference.
 */
json_t *disks_describe(pid_t init, const json_t *disks);
/* `ret_made` is NULL when the mount point was there, else whether a directory was made for it; a
 * new reference. A source that is missing and not required is success. */
gboolean disk_plug(const Run *run, const json_t *record, const char *device, const json_t *disk,
                   json_t **ret_made, GError **error);
gboolean disk_unplug(const Run *run, const json_t *record, const char *device, const json_t *disk,
                     GError **error);
/* {DEVICE: fact} of the disks that are mounted as recorded; those that are not wanted to exist
 * without their source count as there. */
json_t *disks_observe(pid_t init, const json_t *record, const json_t *wanted, GError **error);
