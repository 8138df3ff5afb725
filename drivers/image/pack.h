/* An image made of an instance's volume: one tarball with metadata.yaml, rootfs/ and templates/
 * (IMG-050, IMG-060). */
#pragma once

#include "json.h"

/* Packs the volume at `volume`, of an instance that does not run. `metadata` is what metadata.yaml
 * says; `compressor` a command that reads its input and writes its output, such as "xz -9", or
 * "none" (IMG-052). The file is one without a name on the file system of `dir`. -1 with an error;
 * ERR_INVALID for a compressor that is not installed. */
int image_pack(const char *dir, const char *volume, const json_t *metadata, const char *compressor,
               GError **error);
