/* What a file is by its first bytes. */
#pragma once

#include <glib.h>

gboolean magic_is_squashfs(int fd);
gboolean magic_is_qcow2(int fd);
