/* GnuTLS, which the commands about keys and certificates load. */
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdlib.h>

#include "lazy.h"

#define LAZY_LIBRARY "libgnutls.so.30"

LAZY_FUNCTION(int, gnutls_rnd, (gnutls_rnd_level_t a, void *b, size_t c), (a, b, c))
LAZY_FUNCTION(const char *, gnutls_strerror, (int a), (a))
LAZY_FUNCTION(void, gnutls_x509_crt_deinit, (gnutls_x509_crt_t a), (a))
LAZY_FUNCTION(int, gnutls_x509_crt_export2,
              (gnutls_x509_crt_t a, gnutls_x509_crt_fmt_t b, gnutls_datum_t *c), (a, b, c))
LAZY_FUNCTION(time_t, gnutls_x509_crt_get_activation_time, (gnutls_x509_crt_t a), (a))
LAZY_FUNCTION(int, gnutls_x509_crt_get_dn_by_oid,
              (gnutls_x509_crt_t a, const char *b, unsigned c, unsigned int d, void *e, size_t *f),
              (a, b, c, d, e, f))
LAZY_FUNCTION(time_t, gnutls_x509_crt_get_expiration_time, (gnutls_x509_crt_t a), (a))
LAZY_FUNCTION(int, gnutls_x509_crt_get_key_id,
              (gnutls_x509_crt_t a, unsigned int b, unsigned char *c, size_t *d), (a, b, c, d))
LAZY_FUNCTION(int, gnutls_x509_crt_get_pk_algorithm, (gnutls_x509_crt_t a, unsigned int *b), (a, b))
LAZY_FUNCTION(int, gnutls_x509_crt_import,
              (gnutls_x509_crt_t a, const gnutls_datum_t *b, gnutls_x509_crt_fmt_t c), (a, b, c))
LAZY_FUNCTION(int, gnutls_x509_crt_init, (gnutls_x509_crt_t * a), (a))
LAZY_FUNCTION(int, gnutls_x509_crt_set_activation_time, (gnutls_x509_crt_t a, time_t b), (a, b))
LAZY_FUNCTION(int, gnutls_x509_crt_set_basic_constraints,
              (gnutls_x509_crt_t a, unsigned int b, int c), (a, b, c))
LAZY_FUNCTION(int, gnutls_x509_crt_set_dn_by_oid,
              (gnutls_x509_crt_t a, const char *b, unsigned int c, const void *d, unsigned int e),
              (a, b, c, d, e))
LAZY_FUNCTION(int, gnutls_x509_crt_set_expiration_time, (gnutls_x509_crt_t a, time_t b), (a, b))
LAZY_FUNCTION(int, gnutls_x509_crt_set_key, (gnutls_x509_crt_t a, gnutls_x509_privkey_t b), (a, b))
LAZY_FUNCTION(int, gnutls_x509_crt_set_key_purpose_oid,
              (gnutls_x509_crt_t a, const void *b, unsigned int c), (a, b, c))
LAZY_FUNCTION(int, gnutls_x509_crt_set_key_usage, (gnutls_x509_crt_t a, unsigned int b), (a, b))
LAZY_FUNCTION(int, gnutls_x509_crt_set_serial, (gnutls_x509_crt_t a, const void *b, size_t c),
              (a, b, c))
LAZY_FUNCTION(int, gnutls_x509_crt_set_subject_alt_name,
              (gnutls_x509_crt_t a, gnutls_x509_subject_alt_name_t b, const void *c, unsigned int d,
               unsigned int e),
              (a, b, c, d, e))
LAZY_FUNCTION(int, gnutls_x509_crt_set_version, (gnutls_x509_crt_t a, unsigned int b), (a, b))
LAZY_FUNCTION(int, gnutls_x509_crt_sign2,
              (gnutls_x509_crt_t a, gnutls_x509_crt_t b, gnutls_x509_privkey_t c,
               gnutls_digest_algorithm_t d, unsigned int e),
              (a, b, c, d, e))
LAZY_FUNCTION(void, gnutls_x509_privkey_deinit, (gnutls_x509_privkey_t a), (a))
LAZY_FUNCTION(int, gnutls_x509_privkey_export2_pkcs8,
              (gnutls_x509_privkey_t a, gnutls_x509_crt_fmt_t b, const char *c, unsigned int d,
               gnutls_datum_t *e),
              (a, b, c, d, e))
LAZY_FUNCTION(int, gnutls_x509_privkey_generate,
              (gnutls_x509_privkey_t a, gnutls_pk_algorithm_t b, unsigned int c, unsigned int d),
              (a, b, c, d))
LAZY_FUNCTION(int, gnutls_x509_privkey_get_key_id,
              (gnutls_x509_privkey_t a, unsigned int b, unsigned char *c, size_t *d), (a, b, c, d))
LAZY_FUNCTION(int, gnutls_x509_privkey_import2,
              (gnutls_x509_privkey_t a, const gnutls_datum_t *b, gnutls_x509_crt_fmt_t c,
               const char *d, unsigned int e),
              (a, b, c, d, e))
LAZY_FUNCTION(int, gnutls_x509_privkey_init, (gnutls_x509_privkey_t * a), (a))

/* A variable of the library, which nobody here ever sets to something else. */
gnutls_free_function gnutls_free = free;
