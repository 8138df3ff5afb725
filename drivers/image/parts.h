/* Files of an image that has no name yet: unlinked ones in the state directory, so that nothing is
 * left of what does not become an image. */
#pragma once

#include <glib.h>

/* A new empty file. -1 with an error. */
int image_part_new(const char *dir, GError **error);

/* Whether a Content-Type is that of an image in two files. */
gboolean image_parts_are(const char *type);

/* Takes the body of a split image apart (IMG-040): its metadata and its root, each in a file of its
 * own, and the name that the root's part gives it (NULL: none). */
gboolean image_parts_take(const char *dir, int body, guint64 size, const char *type,
                          int *ret_metadata, int *ret_rootfs, char **ret_filename, GError **error);
