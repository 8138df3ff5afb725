#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"
#include "http/websocket.h"
#include "meter.h"
#include "pin.h"

#define ANSWER_MAX (256u << 20)
#define CONNECT_SECONDS 10L

struct Client {
    CURL *curl; /* kept, so that the connection is */
    char *url, *pin, *certificate, *key;
    long timeout_ms; /* of one request; 0: as long as it takes */
};

typedef struct {
    GString *text;
    char *word; /* X-Berth-Error */
} Answer;

static gboolean is_local(const char *url)
{
    return g_str_has_prefix(url, "unix:");
}

Client *client_new(const ClientServer *server, GError **error)
{
    g_autoptr(Client) client = g_new0(Client, 1);

    curl_global_init(CURL_GLOBAL_DEFAULT);
    client->url = g_strdup(server->url);
    client->certificate = g_strdup(server->certificate);
    client->key = g_strdup(server->key);
    if (server->pinned != NULL) {
        client->pin = pin_of_certificate(server->pinned, error);
        if (client->pin == NULL)
            return NULL;
    }
    client->curl = curl_easy_init();
    return g_steal_pointer(&client);
}

void client_free(Client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->curl);
    g_free(client->url);
    g_free(client->pin);
    g_free(client->certificate);
    g_free(client->key);
    g_free(client);
}

const char *client_url(const Client *client)
{
    return client->url;
}

void client_set_timeout(Client *client, gint64 milliseconds)
{
    client->timeout_ms = (long)MAX(milliseconds, 1);
}

/* ---- a request ---- */

static size_t take(char *bytes, size_t size, size_t count, void *data)
{
    Answer *answer = data;

    if (answer->text->len + size * count > ANSWER_MAX)
        return 0;
    g_string_append_len(answer->text, bytes, (gssize)(size * count));
    return size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *data)
{
    static const char name[] = "x-berth-error:";
    Answer *answer = data;
    gsize length = size * count;

    if (length > sizeof name && g_ascii_strncasecmp(bytes, name, sizeof name - 1) == 0) {
        g_free(answer->word);
        answer->word = g_strstrip(g_strndup(bytes + sizeof name - 1, length - sizeof name + 1));
    }
    return length;
}

/* What is the same for each request to the server. */
static void set_server(const Client *client, CURL *curl, const char *path)
{
    gboolean local = is_local(client->url);
    g_autofree char *url = g_strconcat(local ? "http://berth" : client->url, path, NULL);

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, local ? "http" : "https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "berth/" BERTH_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, client->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (local) {
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->url + strlen("unix:"));
        return;
    }
    /* Who has the pinned key is the server; names and authorities say nothing more. */
    curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, client->pin);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, client->pin != NULL ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, client->pin != NULL ? 0L : 2L);
    curl_easy_setopt(curl, CURLOPT_SSLCERT, client->certificate);
    curl_easy_setopt(curl, CURLOPT_SSLKEY, client->key);
}

static gboolean check_transfer(const Client *client, CURLcode code, const char *problem,
                               GError **error)
{
    if (code == CURLE_OK)
        return TRUE;
    if (code == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
        return error_set(error, ERR_PERMISSION,
                         "the certificate of %s is not the one that was accepted: somebody may be "
                         "listening in; if the server was set up anew, remove the remote and add "
                         "it again",
                         client->url);
    return error_set(error, ERR_UNAVAILABLE, "%s does not answer: %s", client->url,
                     *problem != '\0' ? problem : curl_easy_strerror(code));
}

static ErrorCode code_of(long status, const char *word)
{
    static const struct {
        long status;
        ErrorCode code;
    } codes[] = {{400, ERR_INVALID},    {403, ERR_PERMISSION}, {404, ERR_NOT_FOUND},
                 {409, ERR_EXISTS},     {412, ERR_CONFLICT},   {501, ERR_NOT_IMPLEMENTED},
                 {503, ERR_UNAVAILABLE}};

    if (word != NULL)
        return error_code_of_word(word);
    for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
        if (codes[i].status == status)
            return codes[i].code;
    return ERR_FAILED;
}

static json_t *read_answer(const Client *client, long status, const Answer *answer, GError **error)
{
    g_autoptr(json_t) envelope = json_loadb(answer->text->str, answer->text->len, 0, NULL);
    const char *words = json_member_string(envelope, "error");

    if (status >= 200 && status < 300 && json_is_object(envelope))
        return g_steal_pointer(&envelope);
    if (status >= 200 && status < 300)
        error_set(error, ERR_FAILED, "what %s answers is no JSON", client->url);
    else if (words != NULL && *words != '\0')
        error_set(error, code_of(status, answer->word), "%s", words);
    else
        error_set(error, code_of(status, answer->word), "%s answers with the HTTP status %ld",
                  client->url, status);
    return NULL;
}

/* Runs what is set up in client->curl. */
static json_t *run(Client *client, GError **error)
{
    Answer answer = {g_string_new(NULL), NULL};
    char problem[CURL_ERROR_SIZE] = "";
    json_t *envelope = NULL;
    long status = 0;
    CURLcode code;

    curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(client->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(client->curl, CURLOPT_HEADERDATA, &answer);
    code = curl_easy_perform(client->curl);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (check_transfer(client, code, problem, error))
        envelope = read_answer(client, status, &answer, error);
    curl_easy_reset(client->curl);
    g_string_free(answer.text, TRUE);
    g_free(answer.word);
    return envelope;
}

json_t *client_ask(Client *client, const char *method, const char *path, const json_t *body,
                   GError **error)
{
    g_autofree char *text = body != NULL ? json_text(body) : g_strdup("");
    struct curl_slist *headers = NULL;
    json_t *envelope;

    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:"); /* or large bodies wait a second for a 100 */
    set_server(client, client->curl, path);
    if (strcmp(method, "GET") != 0) {
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, text);
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(text));
        curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    }
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    envelope = run(client, error);
    curl_slist_free_all(headers);
    return envelope;
}

json_t *client_get(Client *client, const char *path, GError **error)
{
    g_autoptr(json_t) envelope = client_ask(client, "GET", path, NULL, error);

    return envelope != NULL ? json_incref(json_object_get(envelope, "metadata")) : NULL;
}

/* A file that is sent. */
typedef struct {
    int fd;
    guint64 done, size;
} Sending;

static size_t give(char *bytes, size_t size, size_t count, void *data)
{
    Sending *sending = data;
    ssize_t got;

    do {
        got = read(sending->fd, bytes, size * count);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return CURL_READFUNC_ABORT;
    sending->done += (guint64)got;
    meter_tell(sending->done, sending->size);
    return (size_t)got;
}

json_t *client_upload(Client *client, const char *path, const char *type, int fd, GError **error)
{
    g_autofree char *content = g_strconcat("Content-Type: ", type, NULL);
    g_autoptr(json_t) envelope = NULL;
    struct curl_slist *headers = NULL;
    Sending sending = {.fd = fd};
    struct stat st;

    if (fstat(fd, &st) < 0) {
        error_errno(error, errno, "look at the file to send");
        return NULL;
    }
    sending.size = (guint64)st.st_size;
    headers = curl_slist_append(headers, content);
    headers = curl_slist_append(headers, "Expect:");
    set_server(client, client->curl, path);
    curl_easy_setopt(client->curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, "POST");
    curl_easy_setopt(client->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)st.st_size);
    curl_easy_setopt(client->curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(client->curl, CURLOPT_READDATA, &sending);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    envelope = run(client, error);
    curl_slist_free_all(headers);
    return envelope != NULL ? json_incref(json_object_get(envelope, "metadata")) : NULL;
}

/* ---- websockets ---- */

/* A TLS connection of libcurl as a stream. */
typedef struct {
    CURL *curl;
    gboolean maybe; /* bytes may wait inside TLS, which poll(2) does not show */
} Tunnel;

static gssize fail_with(CURLcode code)
{
    errno = code == CURLE_AGAIN ? EAGAIN : ECONNRESET;
    return -1;
}

static gssize tunnel_read(gpointer self, void *data, gsize size)
{
    Tunnel *tunnel = self;
    size_t got = 0;
    CURLcode code = curl_easy_recv(tunnel->curl, data, size, &got);

    tunnel->maybe = code == CURLE_OK && got > 0;
    return code == CURLE_OK ? (gssize)got : fail_with(code);
}

static gssize tunnel_write(gpointer self, const void *data, gsize size)
{
    size_t put = 0;
    CURLcode code = curl_easy_send(((Tunnel *)self)->curl, data, size, &put);

    return code == CURLE_OK ? (gssize)put : fail_with(code);
}

static gboolean tunnel_has_pending(gpointer self)
{
    return ((Tunnel *)self)->maybe;
}

static void tunnel_close(gpointer self)
{
    curl_easy_cleanup(((Tunnel *)self)->curl);
    g_free(self);
}

static Stream *connect_tls(const Client *client, GError **error)
{
    static const StreamClass class = {tunnel_read, tunnel_write, tunnel_has_pending, tunnel_close};
    char problem[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    curl_socket_t fd = CURL_SOCKET_BAD;
    Tunnel *tunnel;
    CURLcode code;

    set_server(client, curl, "/");
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
    code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    if (check_transfer(client, code, problem, error) &&
        curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD) {
        tunnel = g_new0(Tunnel, 1);
        tunnel->curl = curl;
        tunnel->maybe = TRUE;
        return stream_new_class(&class, tunnel, fd);
    }
    curl_easy_cleanup(curl);
    if (code == CURLE_OK)
        error_set(error, ERR_UNAVAILABLE, "%s closed the connection", client->url);
    return NULL;
}

static Stream *connect_local(const Client *client, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = client->url + strlen("unix:");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    if (fd >= 0 && strlen(path) < sizeof address.sun_path &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return stream_new(fd);
    error_set(error, ERR_UNAVAILABLE, "%s does not answer: %s", client->url, g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return NULL;
}

Stream *client_websocket(Client *client, const char *target, GError **error)
{
    gboolean local = is_local(client->url);
    g_autoptr(Stream) stream = local ? connect_local(client, error) : connect_tls(client, error);
    const char *host = local ? "berth" : client->url + strlen("https://");

    if (stream == NULL || !websocket_connect(stream, host, target, NULL, error))
        return NULL;
    return g_steal_pointer(&stream);
}

/* ---- first contact ---- */

static size_t drop(char *bytes, size_t size, size_t count, void *data)
{
    return size * count;
}

/* The "Cert" field of what libcurl tells of the first certificate. Newly allocated. */
static char *certificate_in(const struct curl_certinfo *info)
{
    for (struct curl_slist *line = info->num_of_certs > 0 ? info->certinfo[0] : NULL; line != NULL;
         line = line->next)
        if (g_str_has_prefix(line->data, "Cert:"))
            return g_strdup(line->data + strlen("Cert:"));
    return NULL;
}

char *client_certificate_of(const char *url, GError **error)
{
    const Client client = {.url = (char *)url};
    char problem[CURL_ERROR_SIZE] = "";
    struct curl_certinfo *info = NULL;
    char *found = NULL;
    CURLcode code;
    CURL *curl;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    curl = curl_easy_init();
    set_server(&client, curl, "/1.0");
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
    code = curl_easy_perform(curl);
    if (check_transfer(&client, code, problem, error)) {
        if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) == CURLE_OK && info != NULL)
            found = certificate_in(info);
        if (found == NULL)
            error_set(error, ERR_FAILED, "%s shows no certificate", url);
    }
    curl_easy_cleanup(curl);
    return found;
}
