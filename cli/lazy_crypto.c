/* OpenSSL's libcrypto, which the commands about signed bundles load. */
#include <openssl/pem.h>

#include "lazy.h"

#define LAZY_LIBRARY "libcrypto.so.3"

LAZY_FUNCTION(int, BIO_free, (BIO * a), (a))
LAZY_FUNCTION(BIO *, BIO_new_mem_buf, (const void *a, int b), (a, b))
LAZY_FUNCTION(int, EVP_DigestSign,
              (EVP_MD_CTX * a, unsigned char *b, size_t *c, const unsigned char *d, size_t e),
              (a, b, c, d, e))
LAZY_FUNCTION(int, EVP_DigestSignInit,
              (EVP_MD_CTX * a, EVP_PKEY_CTX **b, const EVP_MD *c, ENGINE *d, EVP_PKEY *e),
              (a, b, c, d, e))
LAZY_FUNCTION(int, EVP_DigestVerify,
              (EVP_MD_CTX * a, const unsigned char *b, size_t c, const unsigned char *d, size_t e),
              (a, b, c, d, e))
LAZY_FUNCTION(int, EVP_DigestVerifyInit,
              (EVP_MD_CTX * a, EVP_PKEY_CTX **b, const EVP_MD *c, ENGINE *d, EVP_PKEY *e),
              (a, b, c, d, e))
LAZY_FUNCTION(void, EVP_MD_CTX_free, (EVP_MD_CTX * a), (a))
LAZY_FUNCTION(EVP_MD_CTX *, EVP_MD_CTX_new, (void), ())
LAZY_FUNCTION(void, EVP_PKEY_free, (EVP_PKEY * a), (a))
LAZY_FUNCTION(int, EVP_PKEY_is_a, (const EVP_PKEY *a, const char *b), (a, b))
LAZY_FUNCTION(EVP_PKEY *, PEM_read_bio_PUBKEY, (BIO * a, EVP_PKEY **b, pem_password_cb *c, void *d),
              (a, b, c, d))
LAZY_FUNCTION(EVP_PKEY *, PEM_read_bio_PrivateKey,
              (BIO * a, EVP_PKEY **b, pem_password_cb *c, void *d), (a, b, c, d))
