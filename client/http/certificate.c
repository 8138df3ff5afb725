#include "http/certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "error.h"
#include "file.h"

#define DAYS 3650
#define FILE_BYTES (1024 * 1024)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)

/* "WHAT: what openssl says", which then forgets it. */
static gboolean fail(GError **error, const char *what)
{
    char reason[256] = "unknown reason";
    unsigned long code = ERR_peek_last_error();

    if (code != 0)
        ERR_error_string_n(code, reason, sizeof reason);
    ERR_clear_error();
    return error_set(error, ERR_INVALID, "%s: %s", what, reason);
}

static char *text_of(BIO *bio)
{
    char *data;
    long length = BIO_get_mem_data(bio, &data);

    return g_strndup(data, (gsize)length);
}

static gboolean add_extension(X509 *certificate, int id, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    gboolean ok;

    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, id, value);
    ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static gboolean add_names(X509 *certificate, const char *const *names)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    gboolean ok = TRUE;

    for (; names != NULL && *names != NULL && ok; names++) {
        ASN1_OCTET_STRING *address = a2i_IPADDRESS(*names);
        GENERAL_NAME *name = GENERAL_NAME_new();

        if (address != NULL) {
            GENERAL_NAME_set0_value(name, GEN_IPADD, address);
        } else {
            ASN1_IA5STRING *host = ASN1_IA5STRING_new();

            ok = ASN1_STRING_set(host, *names, -1) == 1;
            GENERAL_NAME_set0_value(name, GEN_DNS, host);
        }
        sk_GENERAL_NAME_push(all, name);
    }
    if (ok && sk_GENERAL_NAME_num(all) > 0)
        ok = X509_add1_ext_i2d(certificate, NID_subject_alt_name, all, 0, 0) == 1;
    GENERAL_NAMES_free(all);
    ERR_clear_error(); /* a host name that is no address */
    return ok;
}

static gboolean fill(X509 *certificate, EVP_PKEY *key, const char *common_name,
                     const char *const *names, gboolean for_server)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    guint8 serial[16];
    BIGNUM *number;
    gboolean ok;

    if (RAND_bytes(serial, sizeof serial) != 1)
        return FALSE;
    serial[0] &= 0x7f;
    number = BN_bin2bn(serial, sizeof serial, NULL);
    ok = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return ok && X509_set_version(certificate, X509_VERSION_3) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), DAYS, 0, NULL) != NULL &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const guchar *)"berth", -1, -1,
                                      0) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const guchar *)common_name, -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1 &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
           add_extension(certificate, NID_ext_key_usage,
                         for_server ? "serverAuth" : "clientAuth") &&
           add_names(certificate, names) && X509_sign(certificate, key, EVP_sha384()) > 0;
}

gboolean certificate_make(const char *common_name, const char *const *names, gboolean for_server,
                          char **ret_certificate, char **ret_key, GError **error)
{
    g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-384");
    g_autoptr(X509) certificate = X509_new();
    g_autoptr(BIO) key_text = BIO_new(BIO_s_secmem());
    g_autoptr(BIO) certificate_text = BIO_new(BIO_s_mem());

    /* A common name has at most 64 characters; the names of the host stand beside it. */
    if (key == NULL || !fill(certificate, key, common_name, names, for_server) ||
        PEM_write_bio_X509(certificate_text, certificate) != 1 ||
        PEM_write_bio_PKCS8PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) != 1)
        return fail(error, "make a certificate");
    *ret_certificate = text_of(certificate_text);
    *ret_key = text_of(key_text);
    return TRUE;
}

static X509 *read_pem(const char *text)
{
    g_autoptr(BIO) bio = BIO_new_mem_buf(text, -1);

    return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

static X509 *read_der(GBytes *der)
{
    gsize size;
    const guchar *bytes = g_bytes_get_data(der, &size);

    return d2i_X509(NULL, &bytes, (long)size);
}

/* A key with a passphrase is not asked for one. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
    return -1;
}

static gboolean check_pair(const char *certificate, const char *key, const char *path,
                           GError **error)
{
    g_autoptr(X509) own = read_pem(certificate);
    g_autoptr(BIO) bio = BIO_new_mem_buf(key, -1);
    g_autoptr(EVP_PKEY) secret = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

    if (own == NULL || secret == NULL || X509_check_private_key(own, secret) != 1) {
        g_autofree char *what =
            g_strdup_printf("%s and its key are no pair (remove both to have new ones made)", path);

        return fail(error, what);
    }
    return TRUE;
}

gboolean certificate_ensure(const char *certificate_path, const char *key_path,
                            const char *common_name, const char *const *names, gboolean for_server,
                            char **ret_certificate, char **ret_key, GError **error)
{
    g_autofree char *certificate = NULL;
    g_autofree char *key = NULL;

    if (!file_exists(certificate_path) && !file_exists(key_path)) {
        /* The key first: a certificate alone is what a crash must not leave. */
        if (!certificate_make(common_name, names, for_server, &certificate, &key, error) ||
            !file_write(key_path, key, -1, 0600, NULL, error) ||
            !file_write(certificate_path, certificate, -1, 0644, NULL, error))
            return FALSE;
    } else if (!file_read(certificate_path, FILE_BYTES, &certificate, NULL, error) ||
               !file_read(key_path, FILE_BYTES, &key, NULL, error) ||
               !check_pair(certificate, key, certificate_path, error)) {
        return FALSE;
    }
    *ret_certificate = g_steal_pointer(&certificate);
    *ret_key = g_steal_pointer(&key);
    return TRUE;
}

GBytes *certificate_from_pem(const char *text, GError **error)
{
    g_autoptr(X509) certificate = read_pem(text);
    guchar *der = NULL;
    int size = certificate != NULL ? i2d_X509(certificate, &der) : -1;
    GBytes *bytes;

    if (size < 0) {
        fail(error, "the text holds no certificate in PEM");
        return NULL;
    }
    bytes = g_bytes_new(der, (gsize)size);
    OPENSSL_free(der);
    return bytes;
}

char *certificate_to_pem(GBytes *der, GError **error)
{
    g_autoptr(X509) certificate = read_der(der);
    g_autoptr(BIO) text = BIO_new(BIO_s_mem());

    if (certificate == NULL || PEM_write_bio_X509(text, certificate) != 1) {
        fail(error, "the bytes are no certificate");
        return NULL;
    }
    return text_of(text);
}

char *certificate_fingerprint(GBytes *der)
{
    return g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, der);
}

static gint64 seconds_of(const ASN1_TIME *time)
{
    struct tm parts = {0};

    return ASN1_TIME_to_tm(time, &parts) == 1 ? (gint64)timegm(&parts) : 0;
}

gboolean certificate_facts(GBytes *der, CertificateFacts *ret, GError **error)
{
    g_autoptr(X509) certificate = read_der(der);
    EVP_PKEY *key = certificate != NULL ? X509_get0_pubkey(certificate) : NULL;
    X509_NAME *subject;
    int at;
    guchar *name = NULL;

    if (key == NULL)
        return fail(error, "the bytes are no certificate");
    subject = X509_get_subject_name(certificate);
    at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at >= 0)
        ASN1_STRING_to_UTF8(&name, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    ret->common_name = g_strdup(name != NULL ? (const char *)name : "");
    OPENSSL_free(name);
    ret->from = seconds_of(X509_get0_notBefore(certificate));
    ret->until = seconds_of(X509_get0_notAfter(certificate));
    ret->is_weak = EVP_PKEY_is_a(key, "RSA") == 1 && EVP_PKEY_get_bits(key) < 2048;
    return TRUE;
}

void certificate_facts_clear(CertificateFacts *facts)
{
    g_clear_pointer(&facts->common_name, g_free);
}

char *certificate_pin(GBytes *der, GError **error)
{
    gsize size;
    const unsigned char *bytes = g_bytes_get_data(der, &size);
    g_autoptr(X509) certificate = d2i_X509(NULL, &bytes, (long)size);
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned char *key = NULL;
    guint length = 0;
    int key_size =
        certificate != NULL ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key) : -1;
    gboolean done =
        key_size > 0 && EVP_Digest(key, (size_t)key_size, digest, &length, EVP_sha256(), NULL) == 1;
    g_autofree char *text = done ? g_base64_encode(digest, length) : NULL;

    OPENSSL_free(key);
    if (done)
        return g_strdup_printf("sha256//%s", text);
    fail(error, "read the certificate's key");
    return NULL;
}
