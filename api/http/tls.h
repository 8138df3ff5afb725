/* TLS of the server: its certificate, which protocol versions and ciphers are used, and what is
 * asked of clients (auth.md, 2). */
#pragma once

#include <gio/gio.h>

#include "http/authority.h"

typedef struct Tls Tls;

/* TLS 1.2 and 1.3 with ECDHE and AEAD ciphers only (AUTH-14, AUTH-15, AUTH-17). `certificate`
 * (which may be followed by its chain) and `key` are PEM. */
Tls *tls_new(const char *certificate, const char *key, GError **error);
Tls *tls_ref(Tls *tls);
void tls_unref(Tls *tls);

/* Another certificate for connections that come from now on. Nothing changes on failure. */
gboolean tls_replace(Tls *tls, const char *certificate, const char *key, GError **error);

/* From now on only certificates that the authority issued are taken from clients (AUTH-56). It is
 * borrowed. Before the first connection. */
void tls_set_authority(Tls *tls, const Authority *authority);
/* Whether a client's chain, its own certificate first, is to be taken. */
gboolean tls_accepts(const Tls *tls, const gnutls_datum_t *chain, guint count);

/* For the server: the GnuTLS priority string, and what a new session needs. The result belongs to
 * the session and is dropped with tls_session_end() after it. */
extern const char TLS_PRIORITY[];
gpointer tls_session_begin(Tls *tls, gnutls_session_t session);
void tls_session_end(gpointer credentials);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tls, tls_unref)
