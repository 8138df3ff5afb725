/* State files made to say what is stored: a patch of them, comments kept (EN-44). */
#pragma once

#include "engine.h"

/* Adds to `diff` a unified diff of the files of `input` that takes over what `stored` says
 * otherwise of the same objects; of `keys` (a set) only, when that is not NULL. `prefix` is left
 * out of file names. What a patch cannot say is added to `left`, a list of texts. */
gboolean patch_files(const Input *input, const Snapshot *stored, GHashTable *keys,
                     const char *prefix, GString *diff, json_t *left, GError **error);
