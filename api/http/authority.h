/* The authority that issues certificates, and which of them it took back (PKI mode, AUTH-51..56).
 * Any thread. */
#pragma once

#include <glib.h>
#include <gnutls/gnutls.h>

typedef struct Authority Authority;

/* From two files, PEM: the authority's certificate and the list of those that it revoked, which
 * may be missing; it is read again whenever it changes. NULL without an error when the first does
 * not exist; ERR_INVALID when one of them is broken or the list is not the authority's. */
Authority *authority_new(const char *certificate_path, const char *list_path, GError **error);
void authority_free(Authority *authority);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Authority, authority_free)

/* Whether a chain of DER certificates, the peer's own first, is issued by it and valid now. */
gboolean authority_issued(const Authority *authority, const gnutls_datum_t *chain, guint count);

/* Whether a certificate is revoked; TRUE also when the list cannot be read any more, which is
 * logged. */
gboolean authority_revoked(Authority *authority, GBytes *der);
