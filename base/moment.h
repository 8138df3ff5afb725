/* Moments in seconds since the epoch; 0 is none. */
#pragma once

#include <glib.h>

static inline gint64 moment_now(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

/* The earlier of two, either of which may be none. */
static inline gint64 moment_sooner(gint64 a, gint64 b)
{
    return a == 0 || b == 0 ? MAX(a, b) : MIN(a, b);
}
