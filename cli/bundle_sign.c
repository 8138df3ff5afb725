/* Ed25519 signatures of manifests. */
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <string.h>

#include "bundle.h"
#include "error.h"
#include "file.h"

#define KEY_MAX_BYTES 65536u
#define SIGNATURE_BYTES 64u

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
    return -1;
}

static EVP_PKEY *read_key(const char *path, gboolean secret, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(EVP_PKEY) key = NULL;
    gsize length;
    BIO *bio;

    if (!file_read(path, KEY_MAX_BYTES, &text, &length, error))
        return NULL;
    bio = BIO_new_mem_buf(text, (int)length);
    key = secret ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
                 : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    explicit_bzero(text, length);
    if (key == NULL || EVP_PKEY_is_a(key, "ED25519") != 1) {
        error_set(error, ERR_INVALID,
                  "%s: this is no %s key of Ed25519 in PEM without a passphrase; make one with: "
                  "openssl %s",
                  path, secret ? "private" : "public",
                  secret ? "genpkey -algorithm ed25519 -out KEY.pem"
                         : "pkey -in KEY.pem -pubout -out PUB.pem");
        return NULL;
    }
    return g_steal_pointer(&key);
}

GBytes *bundle_sign(const char *path, const char *text, gsize length, GError **error)
{
    g_autoptr(EVP_PKEY) key = read_key(path, TRUE, error);
    g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
    guint8 signature[SIGNATURE_BYTES];
    gsize size = sizeof(signature);

    if (key == NULL)
        return NULL;
    if (EVP_DigestSignInit(context, NULL, NULL, NULL, key) != 1 ||
        EVP_DigestSign(context, signature, &size, (const guint8 *)text, length) != 1) {
        error_set(error, ERR_FAILED, "%s: cannot sign with this key", path);
        return NULL;
    }
    return g_bytes_new(signature, size);
}

gboolean bundle_check(const char *path, const char *text, gsize length, const void *signature,
                      gsize size, GError **error)
{
    g_autoptr(EVP_PKEY) key = read_key(path, FALSE, error);
    g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();

    if (key == NULL)
        return FALSE;
    return (EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
            EVP_DigestVerify(context, signature, size, (const guint8 *)text, length) == 1) ||
           error_set(error, ERR_INVALID, "its signature is not of the key in %s", path);
}
