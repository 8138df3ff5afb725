/* What differs between two JSON values, as lines for people: "  path: before -> after". */
#pragma once

#include "json.h"

/* One line with a newline; NULL values are absent. Newly allocated. */
char *differences_line(const char *path, const json_t *before, const json_t *after);

/* A line for each leaf that differs, in key order. NULL values are absent. Newly allocated. */
char *differences_text(const json_t *before, const json_t *after);
