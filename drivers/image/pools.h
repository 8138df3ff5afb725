/* On which pools an image has a volume: where instances of it are, or were (ST-100). */
#pragma once

#include "driver.h"

/* Driver.prepare of images: sets "pools" of `generated`. */
gboolean image_pools_draw(const Context *context, const Object *image, json_t *generated,
                          GError **error);
