/* Who guesses has to wait: after so many failures within a time nothing is looked at until the time
 * is over. Any thread. Moments are in microseconds of a clock that only goes forward. */
#pragma once

#include <glib.h>

typedef struct Throttle Throttle;

Throttle *throttle_new(guint failures, gint64 window);
void throttle_free(Throttle *throttle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Throttle, throttle_free)

/* Under what name `address` ("192.0.2.1:4711", "[2001:db8::1]:4711") tries `what`: who has one IPv6
 * address has all of its /64. Newly allocated. */
char *throttle_key(const char *what, const char *address);

/* Whether what `key` tries now may be looked at. */
gboolean throttle_may(Throttle *throttle, const char *key, gint64 now);
/* It failed. TRUE when that was the last for now. */
gboolean throttle_failed(Throttle *throttle, const char *key, gint64 now);
