/* Certificates as text, without a look inside. */
#pragma once

#include <glib.h>

/* SHA-256 of the bytes of the first certificate in a PEM text, in lower-case hex (AUTH-19); NULL
 * when there is none. Newly allocated. */
char *pem_fingerprint(const char *text);
