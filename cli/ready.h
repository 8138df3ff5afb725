/* Whether an object is ready, by how it is seen (EN-35). Pure. */
#pragma once

#include "object.h"

typedef enum {
    READY_YES,
    READY_NOT_YET,
    READY_NEVER, /* it does not become so by itself */
} Readiness;

/* `seen` is what backend_observe says of the object, NULL when it is gone; `degraded` the reason of
 * its condition Degraded, NULL when that does not hold. With `to_run` an instance that declares no
 * state has to run; without, it is ready as it is.
 *
 *     pool      is made, mounted, and has its folders
 *     network   is up and has its addresses; its DHCP and DNS server runs and keeps leases
 *     instance  runs, or is as declared otherwise; each NIC on a network that gives addresses has
 *               one. A run that ended by itself with status 0 is ready (one-shot), one that ended
 *               otherwise never is.
 *
 * All others are ready once they are stored. `ret_reason` gets what is missing, as it follows the
 * object's name ("has no address on network lan (eth0)"); newly allocated, NULL with READY_YES. */
Readiness ready_judge(const Object *object, const json_t *seen, const char *degraded,
                      gboolean to_run, char **ret_reason);
