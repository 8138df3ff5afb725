/* Mount options as people write them: "noexec,stripe=7". */
#pragma once

#include <glib.h>
#include <sys/mount.h>

/* The flags of mount(2) among them. All others, text for the file system, are appended to `rest`,
 * parted by commas. */
unsigned long mount_options_split(const char *options, GString *rest);

/* What of the flags can be set on a mount of a file system that is mounted elsewhere as well; FALSE
 * when some cannot. */
gboolean mount_options_attributes(unsigned long flags, struct mount_attr *ret);
