/* Secrets in values of state files (EN-05), as far as it is about texts. A reference is
 * `${secret:file:PATH}`, `${secret:env:NAME}` or `${secret:credential:NAME}`. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* The text is nothing but one reference. */
gboolean secrets_is_reference(const char *text);
