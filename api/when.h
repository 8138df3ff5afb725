/* Times as LXD's API writes them: RFC 3339 in UTC. */
#pragma once

#include <glib.h>

char *when_now(void);                 /* with nanoseconds' places; newly allocated */
char *when_text(gint64 microseconds); /* since the epoch */
char *when_seconds(gint64 seconds);   /* since the epoch, without fraction; 0 is LXD's zero time */
char *when_http(gint64 seconds);      /* since the epoch, as headers have it (RFC 7231, 7.1.1.1) */
#define WHEN_NEVER "0001-01-01T00:00:00Z"
#define WHEN_UNUSED "1970-01-01T00:00:00Z" /* of an instance that never ran (EXT-006) */
