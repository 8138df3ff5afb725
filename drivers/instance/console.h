/* /dev/console of containers: its log, and attaching to it (API-160..162, RT-08). */
#pragma once

#include "host.h"

/* What the console has shown: of a running instance the newest 128 KiB from the monitor's ring
 * buffer, of one that has stopped what its last run left; nothing when it never ran. Newly
 * allocated, with a 0 after it; NULL with an error. */
char *console_log(Host *host, const Object *object, gsize *ret_length, GError **error);

/* Empties both. */
gboolean console_log_clear(Host *host, const Object *object, GError **error);

/* Attaches to the console: a terminal to read and write, ours alone as long as `ret_hold` is open.
 * -1 with an error: ERR_INVALID "Instance is not running", ERR_FAILED when somebody else is
 * attached. */
int console_attach(Host *host, const Object *object, guint width, guint height, int *ret_hold,
                   GError **error);
