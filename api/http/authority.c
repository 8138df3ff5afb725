#include "http/authority.h"

#include <gnutls/x509.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"

#define FILE_MAX (16u << 20)
#define CHAIN_MAX 8

struct Authority {
    gnutls_x509_crt_t certificate;
    gnutls_x509_trust_list_t trust;
    GMutex lock; /* of what follows */
    char *list_path;
    struct stat seen;       /* of the list that is loaded; zero: there is none */
    gnutls_x509_crl_t list; /* NULL: none */
    gboolean is_broken;
};

static gboolean failed(const char *path, int status, GError **error)
{
    return error_set(error, ERR_INVALID, "%s: %s", path, gnutls_strerror(status));
}

static gboolean read_file(const char *path, gnutls_datum_t *ret, GError **error)
{
    char *text = NULL;
    gsize size = 0;

    if (!file_read(path, FILE_MAX, &text, &size, error))
        return FALSE;
    *ret = (gnutls_datum_t){(guchar *)text, (guint)size};
    return TRUE;
}

static gboolean load_certificate(Authority *authority, const char *path, GError **error)
{
    gnutls_datum_t text;
    int status;

    if (!read_file(path, &text, error))
        return FALSE;
    gnutls_x509_crt_init(&authority->certificate);
    status = gnutls_x509_crt_import(authority->certificate, &text, GNUTLS_X509_FMT_PEM);
    g_free(text.data);
    if (status < 0)
        return failed(path, status, error);
    status = gnutls_x509_trust_list_init(&authority->trust, 0);
    if (status >= 0)
        status = gnutls_x509_trust_list_add_cas(authority->trust, &authority->certificate, 1, 0);
    return status >= 0 || failed(path, status, error);
}

/* NULL with an error. */
static gnutls_x509_crl_t read_list(const Authority *authority, GError **error)
{
    gnutls_x509_crl_t list;
    gnutls_datum_t text;
    guint verdict = 0;
    int status;

    if (!read_file(authority->list_path, &text, error))
        return NULL;
    gnutls_x509_crl_init(&list);
    status = gnutls_x509_crl_import(list, &text, GNUTLS_X509_FMT_PEM);
    g_free(text.data);
    if (status >= 0)
        status = gnutls_x509_crl_verify(list, &authority->certificate, 1, 0, &verdict);
    /* One that is past its next update still says who is revoked. */
    if (status >= 0 && (verdict & GNUTLS_CERT_INVALID) != 0 &&
        (verdict & ~(guint)(GNUTLS_CERT_INVALID | GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED)) != 0)
        status = GNUTLS_E_CERTIFICATE_ERROR;
    if (status >= 0)
        return list;
    gnutls_x509_crl_deinit(list);
    failed(authority->list_path, status, error);
    return NULL;
}

static void drop_list(Authority *authority)
{
    if (authority->list != NULL)
        gnutls_x509_crl_deinit(authority->list);
    authority->list = NULL;
}

/* Reads the list when it is another one than before. FALSE while it is broken. */
static gboolean refresh(Authority *authority, GError **error)
{
    struct stat now = {0};

    if (stat(authority->list_path, &now) < 0)
        now = (struct stat){0};
    if (now.st_ino == authority->seen.st_ino && now.st_size == authority->seen.st_size &&
        now.st_mtim.tv_sec == authority->seen.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == authority->seen.st_mtim.tv_nsec)
        return !authority->is_broken ||
               error_set(error, ERR_INVALID, "%s is broken", authority->list_path);
    drop_list(authority);
    authority->seen = now;
    if (now.st_ino != 0)
        authority->list = read_list(authority, error);
    authority->is_broken = now.st_ino != 0 && authority->list == NULL;
    return !authority->is_broken;
}

Authority *authority_new(const char *certificate_path, const char *list_path, GError **error)
{
    g_autoptr(Authority) authority = NULL;

    if (!file_exists(certificate_path))
        return NULL;
    authority = g_new0(Authority, 1);
    g_mutex_init(&authority->lock);
    authority->list_path = g_strdup(list_path);
    if (!load_certificate(authority, certificate_path, error) || !refresh(authority, error))
        return NULL;
    return g_steal_pointer(&authority);
}

void authority_free(Authority *authority)
{
    if (authority == NULL)
        return;
    drop_list(authority);
    /* The list of the trusted has the certificate as its own, once it is there. */
    if (authority->trust != NULL)
        gnutls_x509_trust_list_deinit(authority->trust, 1);
    else if (authority->certificate != NULL)
        gnutls_x509_crt_deinit(authority->certificate);
    g_mutex_clear(&authority->lock);
    g_free(authority->list_path);
    g_free(authority);
}

gboolean authority_issued(const Authority *authority, const gnutls_datum_t *chain, guint count)
{
    gnutls_x509_crt_t certificates[CHAIN_MAX];
    guint loaded = 0;
    guint verdict = GNUTLS_CERT_INVALID;
    gboolean issued = count > 0 && count <= CHAIN_MAX;

    for (; issued && loaded < count; loaded++) {
        gnutls_x509_crt_init(&certificates[loaded]);
        issued =
            gnutls_x509_crt_import(certificates[loaded], &chain[loaded], GNUTLS_X509_FMT_DER) >= 0;
    }
    issued = issued &&
             gnutls_x509_trust_list_verify_crt(authority->trust, certificates, count, 0, &verdict,
                                               NULL) >= 0 &&
             verdict == 0;
    while (loaded-- > 0)
        gnutls_x509_crt_deinit(certificates[loaded]);
    return issued;
}

gboolean authority_revoked(Authority *authority, GBytes *der)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&authority->lock);
    g_autoptr(GError) error = NULL;
    gnutls_datum_t data = {(guchar *)g_bytes_get_data(der, NULL), (guint)g_bytes_get_size(der)};
    gnutls_x509_crt_t certificate;
    gboolean revoked;

    if (!refresh(authority, &error)) {
        g_warning("no client is trusted because of its issuer: %s", error->message);
        return TRUE;
    }
    if (authority->list == NULL)
        return FALSE;
    gnutls_x509_crt_init(&certificate);
    revoked = gnutls_x509_crt_import(certificate, &data, GNUTLS_X509_FMT_DER) < 0 ||
              gnutls_x509_crt_check_revocation(certificate, &authority->list, 1) != 0;
    gnutls_x509_crt_deinit(certificate);
    return revoked;
}
