/* Spreads the running instances that want a count of CPUs over the machine (I-302..306). Who gets
 * which CPUs follows from who runs alone: in the order in which they were started, each takes the
 * least used ones, after those that are pinned have taken theirs, and keeps what it has where that
 * is as good. Nothing is drawn and kept in the
 * model; STATE/run/.cpus.json says what the running ones have now. */
#pragma once

#include "json.h"

/* Whether an instance with these limits counts when CPUs are spread. */
gboolean balance_concerns(const json_t *limits);

/* To be called, with the instance's record written or gone, by whoever started or stopped an
 * instance that is concerned, or changed its limits. Takes a lock of its own, after the instance's.
 * FALSE with an error when `name` cannot get its CPUs. Another that cannot keeps what it has, which
 * the next look at it shows. */
gboolean balance_run(const char *dir, const char *name, GError **error);

/* Turns the "cpuset" that the kernel shows of an instance into "cpus", the count, when it is what
 * this instance was given out of the host's CPUs `online` ("0-3"). */
gboolean balance_recognize(const char *dir, const char *name, const char *online, json_t *limits);
