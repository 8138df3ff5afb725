/* Images made of instances (IMG-050..054). */
#pragma once

#include "call.h"

/* Answers POST /1.0/images with a source that is an instance: an operation that packs, compresses
 * and takes the image in. */
gboolean image_publish(Call *call, const json_t *body, GError **error);
