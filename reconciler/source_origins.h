/* Where the objects of a source were written: a note of SPACE_ORIGINS, {KEY: {file, at: {PATH:
 * [line, column, file?]}}}. */
#pragma once

#include "document.h"

/* New reference. `prefix` is left out of names of files. */
json_t *source_origins(const Input *input, const char *prefix);
/* Newly allocated; NULL when it is not known. */
char *source_origins_find(const json_t *origins, const char *key, const char *path);
