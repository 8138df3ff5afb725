#include "http/certificate.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <string.h>

#include "error.h"
#include "file.h"

#define DAYS 3650
#define FILE_BYTES (1024 * 1024)
#define KEY_ID_BYTES 32

typedef struct gnutls_x509_crt_int Certificate;
typedef struct gnutls_x509_privkey_int Key;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Certificate, gnutls_x509_crt_deinit)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Key, gnutls_x509_privkey_deinit)

/* "WHAT: what GnuTLS says". */
static gboolean fail(GError **error, const char *what, int status)
{
    return error_set(error, ERR_INVALID, "%s: %s", what, gnutls_strerror(status));
}

static Certificate *certificate_new(void)
{
    gnutls_x509_crt_t certificate;

    g_assert(gnutls_x509_crt_init(&certificate) == GNUTLS_E_SUCCESS);
    return certificate;
}

static Key *key_new(void)
{
    gnutls_x509_privkey_t key;

    g_assert(gnutls_x509_privkey_init(&key) == GNUTLS_E_SUCCESS);
    return key;
}

/* What GnuTLS allocated, as GLib's; the original is overwritten. */
static char *take_text(gnutls_datum_t *text)
{
    char *taken = g_strndup((const char *)text->data, text->size);

    explicit_bzero(text->data, text->size);
    gnutls_free(text->data);
    return taken;
}

static int add_name(gnutls_x509_crt_t certificate, const char *name)
{
    guint8 address[sizeof(struct in6_addr)];
    guint size = 0;

    if (inet_pton(AF_INET, name, address) == 1)
        size = sizeof(struct in_addr);
    else if (inet_pton(AF_INET6, name, address) == 1)
        size = sizeof(struct in6_addr);
    return size > 0 ? gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS,
                                                           address, size, GNUTLS_FSAN_APPEND)
                    : gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, name,
                                                           (guint)strlen(name), GNUTLS_FSAN_APPEND);
}

static int set_subject(gnutls_x509_crt_t certificate, const char *common_name)
{
    static const char organization[] = "berth";
    int status = gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_ORGANIZATION_NAME, 0,
                                               organization, sizeof organization - 1);

    return status < 0 ? status
                      : gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0,
                                                      common_name, (guint)strlen(common_name));
}

static int set_serial(gnutls_x509_crt_t certificate)
{
    guint8 serial[16];
    int status = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);

    serial[0] &= 0x7f;
    return status < 0 ? status : gnutls_x509_crt_set_serial(certificate, serial, sizeof serial);
}

/* The first status that is a failure. */
static int fill(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, const char *common_name,
                const char *const *names, gboolean for_server)
{
    time_t now = time(NULL);
    int status = set_serial(certificate);

    if (status >= 0)
        status = gnutls_x509_crt_set_version(certificate, 3);
    if (status >= 0)
        status = gnutls_x509_crt_set_activation_time(certificate, now);
    if (status >= 0)
        status = gnutls_x509_crt_set_expiration_time(certificate, now + (time_t)DAYS * 24 * 3600);
    if (status >= 0)
        status = gnutls_x509_crt_set_key(certificate, key);
    if (status >= 0)
        status = set_subject(certificate, common_name);
    if (status >= 0)
        status = gnutls_x509_crt_set_basic_constraints(certificate, 0, -1);
    if (status >= 0)
        status = gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE |
                                                                GNUTLS_KEY_KEY_ENCIPHERMENT);
    if (status >= 0)
        status = gnutls_x509_crt_set_key_purpose_oid(
            certificate, for_server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT, 0);
    for (; status >= 0 && names != NULL && *names != NULL; names++)
        status = add_name(certificate, *names);
    return status < 0 ? status
                      : gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA384, 0);
}

gboolean certificate_make(const char *common_name, const char *const *names, gboolean for_server,
                          char **ret_certificate, char **ret_key, GError **error)
{
    g_autoptr(Key) key = key_new();
    g_autoptr(Certificate) certificate = certificate_new();
    gnutls_datum_t text = {0}, key_text = {0};
    int status = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                              GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), 0);

    /* A common name has at most 64 characters; the names of the host stand beside it. */
    if (status >= 0)
        status = fill(certificate, key, common_name, names, for_server);
    if (status >= 0)
        status = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text);
    if (status >= 0)
        status = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL,
                                                   GNUTLS_PKCS_PLAIN, &key_text);
    if (status < 0) {
        gnutls_free(text.data);
        return fail(error, "make a certificate", status);
    }
    *ret_certificate = take_text(&text);
    *ret_key = take_text(&key_text);
    return TRUE;
}

/* A certificate in PEM or DER; NULL with an error that begins with `what`. */
static Certificate *read_certificate(const void *bytes, gsize size, gnutls_x509_crt_fmt_t format,
                                     const char *what, GError **error)
{
    g_autoptr(Certificate) certificate = certificate_new();
    const gnutls_datum_t data = {(guchar *)bytes, (guint)size};
    int status = gnutls_x509_crt_import(certificate, &data, format);

    if (status < 0) {
        fail(error, what, status);
        return NULL;
    }
    return g_steal_pointer(&certificate);
}

static Certificate *read_pem(const char *text, const char *what, GError **error)
{
    return read_certificate(text, strlen(text), GNUTLS_X509_FMT_PEM, what, error);
}

static Certificate *read_der(GBytes *der, GError **error)
{
    gsize size;
    const void *bytes = g_bytes_get_data(der, &size);

    return read_certificate(bytes, size, GNUTLS_X509_FMT_DER, "the bytes are no certificate",
                            error);
}

static gboolean check_pair(const char *certificate, const char *key, const char *path,
                           GError **error)
{
    g_autofree char *what =
        g_strdup_printf("%s and its key are no pair (remove both to have new ones made)", path);
    g_autoptr(Certificate) own = read_pem(certificate, what, error);
    g_autoptr(Key) secret = key_new();
    const gnutls_datum_t data = {(guchar *)key, (guint)strlen(key)};
    guint8 ids[2][KEY_ID_BYTES];
    size_t sizes[2] = {KEY_ID_BYTES, KEY_ID_BYTES};
    int status;

    if (own == NULL)
        return FALSE;
    /* A key with a passphrase is not asked for one. */
    status = gnutls_x509_privkey_import2(secret, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (status >= 0)
        status = gnutls_x509_crt_get_key_id(own, GNUTLS_KEYID_USE_SHA256, ids[0], &sizes[0]);
    if (status >= 0)
        status = gnutls_x509_privkey_get_key_id(secret, GNUTLS_KEYID_USE_SHA256, ids[1], &sizes[1]);
    if (status >= 0 && memcmp(ids[0], ids[1], KEY_ID_BYTES) != 0)
        status = GNUTLS_E_CERTIFICATE_KEY_MISMATCH;
    return status >= 0 || fail(error, what, status);
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
    g_autoptr(Certificate) certificate =
        read_pem(text, "the text holds no certificate in PEM", error);
    gnutls_datum_t der = {0};
    GBytes *bytes;

    if (certificate == NULL)
        return NULL;
    g_assert(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, &der) == GNUTLS_E_SUCCESS);
    bytes = g_bytes_new(der.data, der.size);
    gnutls_free(der.data);
    return bytes;
}

char *certificate_to_pem(GBytes *der, GError **error)
{
    g_autoptr(Certificate) certificate = read_der(der, error);
    gnutls_datum_t text = {0};

    if (certificate == NULL)
        return NULL;
    g_assert(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &text) == GNUTLS_E_SUCCESS);
    return take_text(&text);
}

char *certificate_fingerprint(GBytes *der)
{
    return g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, der);
}

/* 0 when it has none. */
static gint64 seconds_of(time_t time)
{
    return time == (time_t)-1 ? 0 : (gint64)time;
}

static char *common_name_of(gnutls_x509_crt_t certificate)
{
    char name[256];
    size_t size = sizeof name;

    return g_strdup(gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0,
                                                  name, &size) == GNUTLS_E_SUCCESS
                        ? name
                        : "");
}

gboolean certificate_facts(GBytes *der, CertificateFacts *ret, GError **error)
{
    g_autoptr(Certificate) certificate = read_der(der, error);
    guint bits = 0;

    if (certificate == NULL)
        return FALSE;
    ret->common_name = common_name_of(certificate);
    ret->from = seconds_of(gnutls_x509_crt_get_activation_time(certificate));
    ret->until = seconds_of(gnutls_x509_crt_get_expiration_time(certificate));
    ret->is_weak =
        gnutls_x509_crt_get_pk_algorithm(certificate, &bits) == GNUTLS_PK_RSA && bits < 2048;
    return TRUE;
}

void certificate_facts_clear(CertificateFacts *facts)
{
    g_clear_pointer(&facts->common_name, g_free);
}
