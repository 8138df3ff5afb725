#include "image/fetch.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

#define JSON_MAX (64u << 20)
#define CONNECT_SECONDS 30L
#define STALL_SECONDS 60L /* without a byte */
#define REDIRECTS 5L

typedef struct {
    CURL *curl;
    struct curl_slist *headers;
    char problem[CURL_ERROR_SIZE];
    GString *text; /* JSON, and what is not 2xx */
    int fd;        /* -1: into text */
    int write_errno;
    const FetchProgress *progress;
    gint64 last_time;
    guint64 last_bytes;
    GHashTable *fields;
} Transfer;

static void transfer_clear(Transfer *transfer)
{
    curl_slist_free_all(transfer->headers);
    curl_easy_cleanup(transfer->curl);
    if (transfer->text != NULL)
        g_string_free(transfer->text, TRUE);
    g_clear_pointer(&transfer->fields, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Transfer, transfer_clear)

static GMutex proxy_mutex;
static char *proxy_https, *proxy_ignored;

static void set_text(char **held, const char *text)
{
    if (g_strcmp0(*held, text) == 0)
        return;
    g_free(*held);
    *held = g_strdup(text);
}

void fetch_set_proxy(const char *https, const char *ignored_hosts)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&proxy_mutex);

    set_text(&proxy_https, https);
    set_text(&proxy_ignored, ignored_hosts);
}

static void use_proxy(CURL *curl)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&proxy_mutex);

    if (proxy_https != NULL)
        curl_easy_setopt(curl, CURLOPT_PROXY, proxy_https);
    if (proxy_ignored != NULL)
        curl_easy_setopt(curl, CURLOPT_NOPROXY, proxy_ignored);
}

gboolean fetch_check(const FetchServer *server, GError **error)
{
    if (server->url != NULL &&
        (g_str_has_prefix(server->url, "https://") || g_str_has_prefix(server->url, "unix:/")))
        return TRUE;
    return error_set(error, ERR_INVALID, "source.server: \"%s\" is not an https:// address",
                     server->url != NULL ? server->url : "");
}

/* ---- what libcurl calls ---- */

static gboolean is_success(const Transfer *transfer)
{
    long status = 0;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

static size_t take(char *bytes, size_t size, size_t count, void *data)
{
    Transfer *transfer = data;
    gsize length = size * count;

    if (transfer->fd < 0 || !is_success(transfer)) {
        if (transfer->text->len + length > JSON_MAX)
            return 0;
        g_string_append_len(transfer->text, bytes, (gssize)length);
        return length;
    }
    for (gsize done = 0; done < length;) {
        ssize_t n = write(transfer->fd, bytes + done, length - done);

        if (n < 0 && errno != EINTR) {
            transfer->write_errno = errno;
            return 0;
        }
        done += (gsize)MAX(n, 0);
    }
    return length;
}

static size_t take_field(char *bytes, size_t size, size_t count, void *data)
{
    Transfer *transfer = data;
    g_autofree char *line = g_strndup(bytes, size * count);
    char *colon = strchr(line, ':');

    if (colon != NULL && transfer->fields != NULL) {
        *colon = '\0';
        g_hash_table_replace(transfer->fields, g_ascii_strdown(line, -1),
                             g_strdup(g_strstrip(colon + 1)));
    }
    return size * count;
}

static int advance(void *data, curl_off_t all, curl_off_t done, curl_off_t up_all, curl_off_t up)
{
    Transfer *transfer = data;
    const FetchProgress *progress = transfer->progress;
    gint64 now = g_get_monotonic_time();

    if (progress->cancel != NULL && g_atomic_int_get(progress->cancel) != 0)
        return 1;
    if (progress->each != NULL && done > 0 &&
        (now - transfer->last_time >= G_USEC_PER_SEC || (done == all && all > 0)) &&
        (guint64)done != transfer->last_bytes) {
        guint64 passed = (guint64)MAX(now - transfer->last_time, 1);

        progress->each((guint64)done, (guint64)all,
                       ((guint64)done - transfer->last_bytes) * G_USEC_PER_SEC / passed,
                       progress->data);
        transfer->last_time = now;
        transfer->last_bytes = (guint64)done;
    }
    return 0;
}

/* ---- one transfer ---- */

/* "sha256//BASE64" of the key in a certificate. */
static char *pin_of(const char *pem, GError **error)
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
    error_set(error, ERR_INVALID, "source.certificate is no certificate in PEM");
    return NULL;
}

static gboolean set_server(Transfer *transfer, const FetchServer *server, const char *path,
                           GError **error)
{
    CURL *curl = transfer->curl;
    gboolean local = g_str_has_prefix(server->url, "unix:");
    gsize length = strlen(server->url);
    g_autofree char *base = NULL;
    g_autofree char *url = NULL;

    while (length > 0 && server->url[length - 1] == '/')
        length--;
    base = g_strndup(server->url, length);
    url = g_strconcat(local ? "http://localhost" : base, path, NULL);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, local ? "http" : "https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, server->redirects && !local ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS);
    use_proxy(curl);
    if (local) {
        const char *socket = base + strlen("unix:");

        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH,
                         g_str_has_prefix(socket, "//") ? socket + 2 : socket);
    }
    if (server->certificate != NULL && *server->certificate != '\0' && !local) {
        g_autofree char *pin = pin_of(server->certificate, error);

        if (pin == NULL)
            return FALSE;
        /* Who has the key is the server; names and authorities say nothing more. */
        curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, pin);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return TRUE;
}

static gboolean transfer_begin(Transfer *transfer, const FetchServer *server, const char *path,
                               GError **error)
{
    static gsize once;

    if (g_once_init_enter(&once)) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        g_once_init_leave(&once, 1);
    }
    if (!fetch_check(server, error))
        return FALSE;
    transfer->curl = curl_easy_init();
    transfer->fd = -1;
    transfer->text = g_string_new(NULL);
    transfer->last_time = g_get_monotonic_time();
    curl_easy_setopt(transfer->curl, CURLOPT_ERRORBUFFER, transfer->problem);
    curl_easy_setopt(transfer->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(transfer->curl, CURLOPT_USERAGENT, "berth/" BERTH_VERSION);
    curl_easy_setopt(transfer->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(transfer->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(transfer->curl, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
    curl_easy_setopt(transfer->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(transfer->curl, CURLOPT_WRITEDATA, transfer);
    return set_server(transfer, server, path, error);
}

/* The error of an answer that is none of success: LXD's envelope says what, others do not. */
static gboolean refuse(const Transfer *transfer, const char *url, GError **error)
{
    g_autoptr(json_t) body = json_loadb(transfer->text->str, transfer->text->len, 0, NULL);
    const char *words = json_member_string(body, "error");
    long status = 0;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (words != NULL && *words != '\0')
        return error_set(error, status == 404 ? ERR_NOT_FOUND : ERR_FAILED, "%s: %s", url, words);
    return error_set(error, status == 404 ? ERR_NOT_FOUND : ERR_FAILED,
                     "%s answered with the HTTP status %ld", url, status);
}

static gboolean transfer_run(Transfer *transfer, const FetchServer *server, GError **error)
{
    CURLcode code = curl_easy_perform(transfer->curl);

    if (code == CURLE_ABORTED_BY_CALLBACK)
        return error_set(error, ERR_INTERRUPTED, "cancelled");
    if (transfer->write_errno != 0)
        return error_errno(error, transfer->write_errno, "store what %s sends", server->url);
    if (code != CURLE_OK)
        return error_set(error, ERR_FAILED, "%s: %s", server->url,
                         transfer->problem[0] != '\0' ? transfer->problem
                                                      : curl_easy_strerror(code));
    return is_success(transfer) || refuse(transfer, server->url, error);
}

json_t *fetch_json(const FetchServer *server, const char *path, GError **error)
{
    g_auto(Transfer) transfer = {0};
    json_t *found;

    if (!transfer_begin(&transfer, server, path, error) || !transfer_run(&transfer, server, error))
        return NULL;
    found = json_loadb(transfer.text->str, transfer.text->len, 0, NULL);
    if (found == NULL)
        error_set(error, ERR_FAILED, "%s%s is no JSON", server->url, path);
    return found;
}

gboolean fetch_file(const FetchServer *server, const char *path, int fd,
                    const FetchProgress *progress, char **ret_type, GError **error)
{
    g_auto(Transfer) transfer = {0};
    const char *type = NULL;

    if (!transfer_begin(&transfer, server, path, error))
        return FALSE;
    transfer.fd = fd;
    transfer.progress = progress;
    if (progress != NULL) {
        curl_easy_setopt(transfer.curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(transfer.curl, CURLOPT_XFERINFOFUNCTION, advance);
        curl_easy_setopt(transfer.curl, CURLOPT_XFERINFODATA, &transfer);
    }
    if (!transfer_run(&transfer, server, error))
        return FALSE;
    curl_easy_getinfo(transfer.curl, CURLINFO_CONTENT_TYPE, &type);
    if (ret_type != NULL)
        *ret_type = g_strdup(type);
    return TRUE;
}

GHashTable *fetch_head(const FetchServer *server, const char *path, const char *const *headers,
                       GError **error)
{
    g_auto(Transfer) transfer = {0};

    if (!transfer_begin(&transfer, server, path, error))
        return NULL;
    transfer.fields = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (; *headers != NULL; headers++)
        transfer.headers = curl_slist_append(transfer.headers, *headers);
    curl_easy_setopt(transfer.curl, CURLOPT_HTTPHEADER, transfer.headers);
    curl_easy_setopt(transfer.curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(transfer.curl, CURLOPT_HEADERFUNCTION, take_field);
    curl_easy_setopt(transfer.curl, CURLOPT_HEADERDATA, &transfer);
    if (!transfer_run(&transfer, server, error))
        return NULL;
    return g_steal_pointer(&transfer.fields);
}
