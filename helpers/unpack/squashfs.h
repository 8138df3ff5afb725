/* Squashfs roots (IMG-063), unpacked by unsquashfs inside the sandbox. */
#pragma once

#include "unpack/archive.h"

/* Whether a file starts as a squashfs does, or as a QEMU disk. The position of `fd` does not
 * change. */

/* Unpacks /image into rootfs below the current directory. */
gboolean squashfs_unpack(Budget *budget, GError **error);
