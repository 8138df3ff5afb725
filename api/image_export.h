/* The files of an image as an answer (API-138, IMG-026). */
#pragma once

#include "call.h"

/* Answers with the image: one file as it is, two as multipart/form-data. */
gboolean image_export(Call *call, const Object *image, GError **error);
