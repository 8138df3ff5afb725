/* Who guesses has to wait: after so many failures within a time nothing is looked at until the time
 * is over. Any thread. Moments are in microseconds of a clock that only goes forward. */
#pragma once

#include <glib.h>

typedef struct Throttle Throttle;

Throttle *throttle_new(guint failures, gint64 window);
void throttle_free(Throttle *throttle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Throttle, throttle_free)

/* Whether what `key` tries now may be looked at. */
gboolean throttle_may(Throttle *throttle, const char *key, gint64 now);
/* It failed. TRUE when that was the last for now. */
gboolean throttle_failed(Throttle *throttle, const char *key, gint64 now);
