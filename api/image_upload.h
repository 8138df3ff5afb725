/* Images whose files are the body of a request (IMG-022, IMG-040). */
#pragma once

#include "call.h"

/* Answers POST /1.0/images with the operation that takes the body in. */
gboolean image_upload(Call *call, GError **error);
