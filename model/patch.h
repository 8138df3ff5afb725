/* Changes of single values in a state file's text that leave all else as it is: comments, order,
 * quotes (EN-44). */
#pragma once

#include "json.h"

/* The value of the pair whose key (or else whose value) is written at line and column (from 1) becomes `value`; NULL
 * takes the pair out. Newly allocated text. ERR_UNSUPPORTED when the text would need more than
 * that. */
char *patch_set(const char *text, guint line, guint column, const json_t *value, GError **error);

/* Adds a pair to the map that is the value of the pair at line and column; or, with `beside`, to
 * the map that this pair is in. */
char *patch_add(const char *text, guint line, guint column, gboolean beside, const char *key,
                const json_t *value, GError **error);

/* A unified diff, as git apply takes it; "" when the texts are equal. Newly allocated. */
char *patch_diff(const char *name, const char *before, const char *after);
