/* What an image's `source` is, found out without changing anything: fingerprint, metadata, size
 * (IMG-060..078). */
#pragma once

#include "driver.h"

/* Adds to `generated`: "fingerprint", "architecture", "type", "size", "created_at", "expires_at"
 * (if any), "properties" (a map) and
 * "$stat", by which the next call sees that nothing changed and reads no file again. A source file
 * that is gone is no mistake once it was imported: then `generated` stays as it is. Another one
 * that is not there is: ERR_NOT_FOUND, with field and place. */
gboolean image_source_resolve(Host *host, const Object *image, json_t *generated, GError **error);

/* The same of files that anybody names: `generated` gets what image_source_resolve would add. */
gboolean image_source_inspect(const char *file, const char *rootfs, json_t *generated,
                              GError **error);
