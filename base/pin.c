#include "pin.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "error.h"

char *pin_of_certificate(const char *pem, GError **error)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned char *key = NULL;
    guint length = 0;
    int size = certificate != NULL ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key) : -1;
    g_autofree char *text = NULL;

    if (size > 0 && EVP_Digest(key, (size_t)size, digest, &length, EVP_sha256(), NULL) == 1)
        text = g_base64_encode(digest, length);
    OPENSSL_free(key);
    X509_free(certificate);
    BIO_free(bio);
    if (text != NULL)
        return g_strdup_printf("sha256//%s", text);
    error_set(error, ERR_INVALID, "this is no certificate in PEM");
    return NULL;
}
