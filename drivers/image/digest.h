/* SHA-256 over pieces: fingerprints of images (IMG-060, IMG-061). */
#pragma once

#include <glib.h>

typedef struct Digest Digest;

Digest *digest_new(void);
void digest_add(Digest *digest, const void *bytes, gsize length);
/* Adds a file's content; what is read is also written to `copy` unless that is -1. `ret_size` (may
 * be NULL) is increased. Tells how far it is (meter.h). */
gboolean digest_add_file(Digest *digest, const char *path, int copy, guint64 *ret_size,
                         GError **error);
char *digest_finish(Digest *digest); /* lower-case hex, newly allocated */
void digest_free(Digest *digest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Digest, digest_free)
