/* One change of an image's object by a request, as one transaction. */
#pragma once

#include "call.h"

/* Changes `spec`, a copy of the image's; `model` is the one that holds in the transaction. */
typedef gboolean (*ImageChange)(const Snapshot *model, const Object *image, json_t *spec,
                                const void *data, GError **error);

/* Carries a change of the image of a whole fingerprint out. `matches` (may be NULL) is asked in the
 * transaction whether If-Match holds. */
gboolean image_change(Call *call, const char *fingerprint,
                      gboolean (*matches)(const Call *call, const Object *image, const void *data,
                                          GError **error),
                      ImageChange change, const void *data, GError **error);

/* ETag of an image: over what PUT can write (IMG-023). Newly allocated. */
char *image_etag(const Object *image);
