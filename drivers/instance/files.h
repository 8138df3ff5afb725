/* Small files of instances below the state directory: run/, logs/, security/, facts/. They are
 * written whole and renamed into place, but not synced one by one (the transaction's barrier does
 * that), and folders that become empty go. */
#pragma once

#include <glib.h>

/* Writes a file that only root reads, and makes the folder for it. */
gboolean state_write(const char *path, const char *text, GError **error);
/* Opens (and makes) a file that is there for its lock alone; the descriptor, or -1 with an error.
 */
int state_open(const char *path, GError **error);
gboolean state_make_folder(const char *path, guint mode, GError **error);

/* Removes an instance's logs and everything else that is kept of it beside its volume. */
gboolean state_forget(const char *dir, const char *name, GError **error);
