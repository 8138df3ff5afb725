/* What a server is known by to libcurl: its key. Needs GnuTLS, and so is a library of its own.
 */
#pragma once

#include <glib.h>

/* "sha256//BASE64" of the key in the first certificate of a PEM text, for CURLOPT_PINNEDPUBLICKEY.
 * Newly allocated; NULL with ERR_INVALID. */
char *pin_of_certificate(const char *pem, GError **error);
