#include "http/tls.h"

#include <string.h>

#include "error.h"

const char TLS_PRIORITY[] =
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:"
    "+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:-SIGN-DSA-SHA1:%"
    "SERVER_PRECEDENCE";

struct Tls {
    gatomicrefcount refs;
    const Authority *authority; /* NULL: any */
    GMutex lock;
    gpointer credentials; /* one reference; an rc box of gnutls_certificate_credentials_t */
};

static void credentials_clear(gpointer box)
{
    gnutls_certificate_free_credentials(*(gnutls_certificate_credentials_t *)box);
}

void tls_session_end(gpointer credentials)
{
    g_atomic_rc_box_release_full(credentials, credentials_clear);
}

static gpointer credentials_new(const char *certificate, const char *key, GError **error)
{
    gnutls_datum_t cert = {(guchar *)certificate, (unsigned)strlen(certificate)};
    gnutls_datum_t secret = {(guchar *)key, (unsigned)strlen(key)};
    gnutls_certificate_credentials_t *box = g_atomic_rc_box_new0(gnutls_certificate_credentials_t);
    int status;

    g_assert(gnutls_certificate_allocate_credentials(box) == GNUTLS_E_SUCCESS);
    status = gnutls_certificate_set_x509_key_mem(*box, &cert, &secret, GNUTLS_X509_FMT_PEM);
    if (status < 0) {
        tls_session_end(box);
        error_set(error, ERR_INVALID, "the server's certificate and key cannot be used: %s",
                  gnutls_strerror(status));
        return NULL;
    }
    return box;
}

Tls *tls_new(const char *certificate, const char *key, GError **error)
{
    gpointer credentials = credentials_new(certificate, key, error);
    Tls *tls;

    if (credentials == NULL)
        return NULL;
    tls = g_new0(Tls, 1);
    g_atomic_ref_count_init(&tls->refs);
    g_mutex_init(&tls->lock);
    tls->credentials = credentials;
    return tls;
}

Tls *tls_ref(Tls *tls)
{
    g_atomic_ref_count_inc(&tls->refs);
    return tls;
}

void tls_unref(Tls *tls)
{
    if (tls == NULL || !g_atomic_ref_count_dec(&tls->refs))
        return;
    tls_session_end(tls->credentials);
    g_mutex_clear(&tls->lock);
    g_free(tls);
}

void tls_set_authority(Tls *tls, const Authority *authority)
{
    tls->authority = authority;
}

gboolean tls_accepts(const Tls *tls, const gnutls_datum_t *chain, guint count)
{
    return tls->authority == NULL || authority_issued(tls->authority, chain, count);
}

gboolean tls_replace(Tls *tls, const char *certificate, const char *key, GError **error)
{
    gpointer credentials = credentials_new(certificate, key, error);
    gpointer old;

    if (credentials == NULL)
        return FALSE;
    g_mutex_lock(&tls->lock);
    old = tls->credentials;
    tls->credentials = credentials;
    g_mutex_unlock(&tls->lock);
    tls_session_end(old);
    return TRUE;
}

gpointer tls_session_begin(Tls *tls, gnutls_session_t session)
{
    gnutls_certificate_credentials_t *box;

    g_mutex_lock(&tls->lock);
    box = g_atomic_rc_box_acquire(tls->credentials);
    g_mutex_unlock(&tls->lock);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, *box);
    /* Asked for, not required, and not verified here: trust is decided above (AUTH-20). Go's client
     * sends its certificate only when the list of acceptable issuers is absent. */
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
    gnutls_certificate_send_x509_rdn_sequence(session, 1);
    return box;
}
