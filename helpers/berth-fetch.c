/* berth-fetch: one HTTP request to another server, in a process of its own: what servers send never
 * meets the daemon's memory, a server that hangs is ended with the process, and libcurl with all
 * that it needs is loaded only while something is asked.
 *
 * The request is JSON on stdin:
 *   {"server": what errors call it, "url", "socket": PATH?, "protocols": as libcurl lists them,
 *    "redirects": bool, "certificate": PEM?, "proxy"?, "no_proxy"?, "headers": [LINE...],
 *    "head": bool, "body": TEXT to post?, "seconds": in all, 0: as long as bytes come,
 *    "limit": bytes of content at most, 0: any number}
 * Content goes to descriptor 3. Lines of JSON on stdout say how far it is, about each second, and
 * the last one how it ended:
 *   {"done", "all": 0 when unknown, "speed"}
 *   {"type": Content-Type?, "fields": {name in lower case: value}} or {"error": TEXT, "code"} */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "json.h"
#include "pin.h"

#define CONTENT_FD 3
#define CONNECT_SECONDS 30L
#define STALL_SECONDS 60L      /* without a byte */
#define REFUSAL_MAX (1u << 20) /* of what is not 2xx, which is kept for its words */
#define REDIRECTS 5L

typedef struct {
    CURL *curl;
    const json_t *request;
    struct curl_slist *headers;
    char problem[CURL_ERROR_SIZE];
    GString *refusal; /* the body of what is not 2xx */
    guint64 limit, taken;
    int write_errno;
    gboolean too_long;
    gint64 last_time;
    guint64 last_bytes;
    json_t *fields;
} Transfer;

static const char *text_of(const Transfer *transfer, const char *member)
{
    return json_member_string(transfer->request, member);
}

static gboolean flag_of(const Transfer *transfer, const char *member)
{
    return json_is_true(json_object_get(transfer->request, member));
}

static void say(json_t *line)
{
    g_autoptr(json_t) owned = line;
    g_autofree char *text = json_text(owned);

    /* Who does not listen any more ends us. */
    if (printf("%s\n", text) < 0 || fflush(stdout) != 0)
        exit(1);
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

    if (!is_success(transfer)) {
        if (transfer->refusal->len + length <= REFUSAL_MAX)
            g_string_append_len(transfer->refusal, bytes, (gssize)length);
        return length;
    }
    transfer->taken += length;
    if (transfer->limit != 0 && transfer->taken > transfer->limit) {
        transfer->too_long = TRUE;
        return 0;
    }
    if (file_write_all(CONTENT_FD, bytes, length))
        return length;
    transfer->write_errno = errno;
    return 0;
}

static size_t take_field(char *bytes, size_t size, size_t count, void *data)
{
    Transfer *transfer = data;
    g_autofree char *line = g_strndup(bytes, size * count);
    char *colon = strchr(line, ':');
    g_autofree char *name = NULL;

    if (colon != NULL) {
        *colon = '\0';
        name = g_ascii_strdown(line, -1);
        /* What is no UTF-8 is no value: nobody asked for such a field. */
        json_object_set_new(transfer->fields, name, json_string(g_strstrip(colon + 1)));
    }
    return size * count;
}

static int advance(void *data, curl_off_t all, curl_off_t done, curl_off_t up_all, curl_off_t up)
{
    Transfer *transfer = data;
    gint64 now = g_get_monotonic_time();

    if (done > 0 && (now - transfer->last_time >= G_USEC_PER_SEC || (done == all && all > 0)) &&
        (guint64)done != transfer->last_bytes) {
        guint64 passed = (guint64)MAX(now - transfer->last_time, 1);

        say(json_pack(
            "{s:I, s:I, s:I}", "done", (json_int_t)done, "all", (json_int_t)all, "speed",
            (json_int_t)(((guint64)done - transfer->last_bytes) * G_USEC_PER_SEC / passed)));
        transfer->last_time = now;
        transfer->last_bytes = (guint64)done;
    }
    return 0;
}

/* ---- one transfer ---- */

static gboolean set_server(Transfer *transfer, GError **error)
{
    CURL *curl = transfer->curl;
    const char *certificate = text_of(transfer, "certificate");
    g_autofree char *pin = NULL;

    curl_easy_setopt(curl, CURLOPT_URL, text_of(transfer, "url"));
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, text_of(transfer, "protocols"));
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, flag_of(transfer, "redirects") ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS);
    /* NULL: what the environment says, and no socket. */
    curl_easy_setopt(curl, CURLOPT_PROXY, text_of(transfer, "proxy"));
    curl_easy_setopt(curl, CURLOPT_NOPROXY, text_of(transfer, "no_proxy"));
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, text_of(transfer, "socket"));
    if (certificate == NULL)
        return TRUE;
    pin = pin_of_certificate(certificate, error);
    if (pin == NULL) {
        g_prefix_error(error, "source.certificate: ");
        return FALSE;
    }
    /* Who has the key is the server; names and authorities say nothing more. */
    curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, pin);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    return TRUE;
}

static void set_content(Transfer *transfer)
{
    CURL *curl = transfer->curl;
    const char *body = text_of(transfer, "body");
    json_t *line;
    size_t i;

    json_array_foreach (json_object_get(transfer->request, "headers"), i, line)
        transfer->headers = curl_slist_append(transfer->headers, json_string_value(line));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
    if (flag_of(transfer, "head"))
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (body != NULL)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_field);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, advance);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
}

/* The error of an answer that is none of success: LXD's envelope says what, others do not. */
static gboolean refuse(const Transfer *transfer, GError **error)
{
    g_autoptr(json_t) body = json_loadb(transfer->refusal->str, transfer->refusal->len, 0, NULL);
    const char *words = json_member_string(body, "error");
    const char *server = text_of(transfer, "server");
    ErrorCode code;
    long status = 0;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    code = status == 404 ? ERR_NOT_FOUND : ERR_FAILED;
    if (words != NULL && *words != '\0')
        return error_set(error, code, "%s: %s", server, words);
    return error_set(error, code, "%s answered with the HTTP status %ld", server, status);
}

static gboolean transfer_run(Transfer *transfer, GError **error)
{
    const char *server = text_of(transfer, "server");
    CURLcode code = curl_easy_perform(transfer->curl);

    if (transfer->write_errno != 0)
        return error_errno(error, transfer->write_errno, "store what %s sends", server);
    if (transfer->too_long)
        return error_set(error, ERR_FAILED, "%s sends more than %" G_GUINT64_FORMAT " bytes",
                         server, transfer->limit);
    if (code != CURLE_OK)
        return error_set(error, ERR_FAILED, "%s: %s", server,
                         transfer->problem[0] != '\0' ? transfer->problem
                                                      : curl_easy_strerror(code));
    return is_success(transfer) || refuse(transfer, error);
}

static gboolean transfer_do(Transfer *transfer, GError **error)
{
    CURL *curl = transfer->curl;
    json_int_t seconds = json_integer_value(json_object_get(transfer->request, "seconds"));

    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->problem);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "berth/" BERTH_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)seconds);
    if (!set_server(transfer, error))
        return FALSE;
    set_content(transfer);
    return transfer_run(transfer, error);
}

int main(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) request = json_loadf(stdin, 0, NULL);
    Transfer transfer = {.request = request, .last_time = g_get_monotonic_time()};
    const char *type = NULL;
    gboolean done;

    /* Nothing of this is wanted without the berth that asked for it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (json_member_string(request, "url") == NULL) {
        fprintf(stderr, "berth-fetch is started by berth, with a request on stdin\n");
        return 64;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    transfer.curl = curl_easy_init();
    transfer.refusal = g_string_new(NULL);
    transfer.fields = json_object();
    transfer.limit = (guint64)json_integer_value(json_object_get(request, "limit"));
    done = transfer_do(&transfer, &error);
    if (done)
        curl_easy_getinfo(transfer.curl, CURLINFO_CONTENT_TYPE, &type);
    say(done ? json_pack("{s:s*, s:O}", "type", type, "fields", transfer.fields)
             : json_pack("{s:s, s:i}", "error", error->message, "code", error->code));
    curl_slist_free_all(transfer.headers);
    curl_easy_cleanup(transfer.curl);
    curl_global_cleanup();
    g_string_free(transfer.refusal, TRUE);
    json_decref(transfer.fields);
    return 0;
}
