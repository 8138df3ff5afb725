/* Images from other servers: copies over LXD's protocol or simplestreams, files from the web, and
 * their refresh (IMG-035..045, IMG-091). */
#pragma once

#include "call.h"

/* Answers POST /1.0/images of source type image or url with the operation that fetches it. `body`
 * is the request's. */
gboolean image_pull_make(Call *call, const json_t *body, GError **error);

/* POST images/FP/refresh (API-140): metadata.refreshed says whether there was a newer one. */
gboolean image_pull_refresh(Call *call, GError **error);

/* The same by the daemon itself, as an operation: "Refreshing image". What fails is logged. `image`
 * has an update source, and is no declared one. */
void image_pull_renew(Daemon *daemon, const Object *image);
