/* Copies a tree as it is: owners, modes, times, xattrs (ACLs and capabilities among them), hard
 * links, devices, FIFOs, holes. Shares extents where the file system can (reflink). */
#pragma once

#include <glib.h>

/* Deepest directory that is copied; unpacking refuses what is deeper. */
#define TREE_MAX_DEPTH 200u

/* Bytes on disk of what is in a directory, as far as it can be read. */
guint64 tree_bytes(const char *path);

/* Copies what is in the directory `from` into the directory `to`, which exists; entries called
 * `except` (may be NULL) at the top are left out. What is there when it fails is for the caller to
 * remove. Tells how far it is (meter.h). */
gboolean tree_copy(const char *from, const char *to, const char *except, GError **error);
