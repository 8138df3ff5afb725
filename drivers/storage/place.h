/* A place on disk that is filled, parked and emptied: the moves that volumes, images and pools
 * share. */
#pragma once

#include <glib.h>

/* Deletes whatever is at `path`: a file, a tree, a subvolume with subvolumes in it. Gone already is
 * success. */
gboolean place_remove(const char *path, GError **error);

/* Deletes what is at `path` so that no half of it is ever found there: first a rename to the staged
 * name of the transaction `tx`. Gone already is success. */
gboolean place_discard(const char *path, const char *tx, GError **error);

/* Whether a directory holds nothing but what is parked or staged (and lost+found). Errors count as
 * 'not empty'. */
gboolean place_is_empty(const char *path);

/* Makes a folder of the state directory with the ones above it. */
gboolean place_make_folder(const char *path, guint mode, GError **error);

/* Removes a folder of the state directory if nothing is in it. */
void place_tidy(const char *dir, const char *name);
