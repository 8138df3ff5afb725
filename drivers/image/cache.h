/* Downloads that wait for a transaction to take them into the store: cache/images/FINGERPRINT (and
 * .rootfs), below the state directory. Named by their content, and checked before they get the
 * name; no undo takes them away, so that what failed for another reason need not be fetched again.
 */
#pragma once

#include <glib.h>

char *image_cache_path(const char *dir, const char *fingerprint); /* newly allocated */

/* Whether it is there. */
gboolean image_cache_has(const char *dir, const char *fingerprint);

/* Gives unlinked files of the state directory their name; `rootfs` -1: none. There already is
 * success. */
gboolean image_cache_put(const char *dir, const char *fingerprint, int file, int rootfs,
                         GError **error);

void image_cache_drop(const char *dir, const char *fingerprint);

/* Deletes what the store has by now, and what nobody came back for in a day. */
void image_cache_tidy(const char *dir);
