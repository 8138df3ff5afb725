/* Secrets that open one private image to somebody without rights (IMG-029): token operations. */
#pragma once

#include "call.h"

/* Whether ?secret= of the call opens the image. The token is used up by the first use, and opens
 * for the few seconds that it is still listed: a client reads the image, then exports it. */
gboolean image_secret_opens(const Call *call, const char *fingerprint);

/* POST images/FP/secret (API-141): answers with a new token. */
gboolean image_secret_make(Call *call, GError **error);
