/* Files and trees of one control group directory. */
#pragma once

#include <glib.h>

/* Whether a group has a file. */
gboolean cgroup_has(const char *group, const char *file);

/* Text of a file without its newline. NULL with ERR_NOT_FOUND when the kernel has no such file.
 * Newly allocated. */
char *cgroup_read(const char *group, const char *file, GError **error);
gboolean cgroup_write(const char *group, const char *file, const char *text, GError **error);

/* Kills every process below a group and removes it with all groups in it; waits up to some seconds
 * for the dying. */
gboolean cgroup_tree_remove(const char *group, GError **error);
