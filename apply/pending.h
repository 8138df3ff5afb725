/* Generations that wait for somebody to confirm them (EN-33). Each is a full commit; what it parked
 * stays until it is confirmed, and unless it is, everything is reverted at its deadline. Table
 * `unconfirmed` of the store, written in the same SQLite transaction as the commit, so that the
 * deadline survives whatever happens to the one who applied. */
#pragma once

#include "store.h"

/* Until it is known whether the data is needed again. */
#define PARKED_FOR_EVER G_MAXINT64

/* Within store_begin: generation `number` of transaction `tx` is to be reverted at `until` (seconds
 * since the epoch); once confirmed, what it parked is kept for `park_seconds`. */
gboolean pending_add(Store *store, gint64 number, const char *tx, gint64 until, gint64 park_seconds,
                     GError **error);

/* Within store_begin: it waits no more. What it parked stays as it is. */
gboolean pending_forget(Store *store, gint64 number, GError **error);

/* Within store_begin: the generation stays; what it parked has its time from now on. */
gboolean pending_confirm(Store *store, gint64 number, GError **error);

/* All that wait, the next deadline first: [{generation, revert_at, keys: [KEY...]}]. New reference;
 * NULL on error. */
json_t *pending_list(Store *store, GError **error);
