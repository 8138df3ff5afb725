/* Where berth's own helper programs are. */
#pragma once

#include <glib.h>

/* Absolute path of a helper: $BERTH_LIBEXEC/NAME, else helpers/NAME in the folder of the running program or up to three above it (a
 * build tree), else the installed libexec folder. NULL with an error when there is none. Newly allocated. */
char *helper_path(const char *name, GError **error);
