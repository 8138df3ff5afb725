#include "pin.h"

#include <gnutls/x509.h>
#include <string.h>

#include "error.h"

char *pin_of_certificate(const char *pem, GError **error)
{
    const gnutls_datum_t text = {(guchar *)pem, (guint)strlen(pem)};
    gnutls_x509_crt_t certificate;
    guint8 digest[32];
    size_t size = sizeof digest;
    gboolean done;
    g_autofree char *pin = NULL;

    g_assert(gnutls_x509_crt_init(&certificate) == GNUTLS_E_SUCCESS);
    done = gnutls_x509_crt_import(certificate, &text, GNUTLS_X509_FMT_PEM) == GNUTLS_E_SUCCESS &&
           gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, digest, &size) ==
               GNUTLS_E_SUCCESS;
    gnutls_x509_crt_deinit(certificate);
    if (!done) {
        error_set(error, ERR_INVALID, "this is no certificate in PEM");
        return NULL;
    }
    pin = g_base64_encode(digest, size);
    return g_strdup_printf("sha256//%s", pin);
}
