/* State files made to say what is stored: a patch of them, comments kept (EN-44). */
#pragma once

#include "engine.h"

/* A unified diff of the files of `input` that takes over what `stored` says otherwise of the same
 * objects; of `keys` (of char *) only, when that is not NULL. `prefix` is left out of file names.
 * What a patch cannot say is named in `ret_left` (of char *). Newly allocated. */
char *patch_files(const Input *input, const Snapshot *stored, const GPtrArray *keys,
                  const char *prefix, GPtrArray *ret_left, GError **error);
