/* Asks the helper berth-unpack, which reads archives in its sandbox. */
#pragma once

#include "json.h"

/* {"metadata": TEXT, "type": "container"|"virtual-machine"|""} of an image. `rootfs` is NULL for
 * one of one file. */
json_t *unpack_inspect(const char *file, const char *rootfs, GError **error);

/* Unpacks an image into `target`, an existing folder whose path begins with the folder `root`. */
gboolean unpack_run(const char *file, const char *rootfs, const char *root, const char *target,
                    GError **error);
