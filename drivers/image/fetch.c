#include "image/fetch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "helper.h"
#include "spawn.h"

#define JSON_MAX (64u << 20)
#define TRANSFER_MS (24u * 3600 * 1000) /* the helper itself ends what does not move */

static GMutex proxy_mutex;
static char *proxy_http, *proxy_https, *proxy_ignored;

static void set_text(char **held, const char *text)
{
    if (g_strcmp0(*held, text) == 0)
        return;
    g_free(*held);
    *held = g_strdup(text);
}

void fetch_set_proxy(const char *http, const char *https, const char *ignored_hosts)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&proxy_mutex);

    set_text(&proxy_http, http);
    set_text(&proxy_https, https);
    set_text(&proxy_ignored, ignored_hosts);
}

gboolean fetch_check(const FetchServer *server, GError **error)
{
    if (server->url != NULL &&
        (g_str_has_prefix(server->url, "https://") || g_str_has_prefix(server->url, "unix:/")))
        return TRUE;
    return error_set(error, ERR_INVALID, "source.server: \"%s\" is not an https:// address",
                     server->url != NULL ? server->url : "");
}

/* ---- the request ---- */

static void set_member(json_t *request, const char *member, const char *text)
{
    if (text != NULL && *text != '\0')
        json_object_set_new(request, member, json_string(text));
}

/* By way of which other server, if any. */
static void set_proxy(json_t *request, const char *url)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&proxy_mutex);

    set_member(request, "proxy", g_str_has_prefix(url, "http:") ? proxy_http : proxy_https);
    set_member(request, "no_proxy", proxy_ignored);
}

/* NULL with an error. */
static json_t *request_new(const FetchServer *server, const char *path, GError **error)
{
    gboolean local;
    gsize length;
    g_autofree char *base = NULL;
    g_autofree char *url = NULL;
    json_t *request;

    if (!fetch_check(server, error))
        return NULL;
    local = g_str_has_prefix(server->url, "unix:");
    length = strlen(server->url);
    while (length > 0 && server->url[length - 1] == '/')
        length--;
    base = g_strndup(server->url, length);
    url = g_strconcat(local ? "http://localhost" : base, path, NULL);
    request = json_pack("{s:s, s:s, s:s, s:b}", "server", server->url, "url", url, "protocols",
                        local ? "http" : "https", "redirects", server->redirects && !local);
    if (local) {
        const char *socket = base + strlen("unix:");

        set_member(request, "socket", g_str_has_prefix(socket, "//") ? socket + 2 : socket);
    } else {
        set_member(request, "certificate", server->certificate);
    }
    if (!local)
        set_proxy(request, url);
    return request;
}

/* ---- the helper ---- */

typedef struct {
    int answers; /* its stdout, which does not block */
    GString *text;
    const FetchProgress *progress;
    json_t *last; /* what it said at last */
} Listening;

static void listening_clear(Listening *listening)
{
    if (listening->answers >= 0)
        close(listening->answers);
    g_string_free(listening->text, TRUE);
    json_decref(listening->last);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Listening, listening_clear)

static void take_line(Listening *listening, const char *line, gsize length)
{
    const FetchProgress *progress = listening->progress;

    json_decref(listening->last);
    listening->last = json_loadb(line, length, 0, NULL);
    if (json_object_get(listening->last, "done") != NULL && progress != NULL &&
        progress->each != NULL)
        progress->each((guint64)json_integer_value(json_object_get(listening->last, "done")),
                       (guint64)json_integer_value(json_object_get(listening->last, "all")),
                       (guint64)json_integer_value(json_object_get(listening->last, "speed")),
                       progress->data);
}

static void listen_on(void *data)
{
    Listening *listening = data;
    char buffer[4096];
    ssize_t n;

    while ((n = read(listening->answers, buffer, sizeof buffer)) > 0) {
        char *end;

        g_string_append_len(listening->text, buffer, n);
        while ((end = memchr(listening->text->str, '\n', listening->text->len)) != NULL) {
            take_line(listening, listening->text->str, (gsize)(end - listening->text->str));
            g_string_erase(listening->text, 0, end + 1 - listening->text->str);
        }
    }
}

/* Of our own environment only what says how the network is reached and whom to trust. */
static char **environment_of(void)
{
    g_auto(GStrv) all = g_get_environ();
    g_autoptr(GStrvBuilder) some = g_strv_builder_new();

    g_strv_builder_add(some, "LANG=C.UTF-8");
    for (char **entry = all; *entry != NULL; entry++) {
        g_autofree char *name = g_strndup(*entry, strcspn(*entry, "="));
        g_autofree char *lower = g_ascii_strdown(name, -1);

        if (g_str_has_suffix(lower, "_proxy") || g_str_has_prefix(name, "SSL_CERT_"))
            g_strv_builder_add(some, *entry);
    }
    return g_strv_builder_end(some);
}

/* Carries out a request; its content goes to `content`. What the helper said at last, which is no
 * failure; NULL with an error. New reference. */
static json_t *run(const json_t *request, int content, const FetchProgress *progress,
                   GError **error)
{
    g_autofree char *program = helper_path("berth-fetch", error);
    g_autofree char *input = json_text(request);
    g_auto(GStrv) environment = environment_of();
    const char *argv[] = {program, NULL};
    g_auto(Listening) listening = {-1, g_string_new(NULL), progress, NULL};
    SpawnOptions options = {.env = (const char *const *)environment,
                            .input = input,
                            .timeout_ms = TRANSFER_MS,
                            .keep_fd = content,
                            .tick = listen_on,
                            .tick_data = &listening,
                            .cancel = progress != NULL ? progress->cancel : NULL};
    g_auto(Fd) answers = -1;
    json_int_t code;
    int pipes[2];

    if (program == NULL)
        return NULL;
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        error_errno(error, errno, "run berth-fetch");
        return NULL;
    }
    listening.answers = pipes[0];
    answers = pipes[1];
    fcntl(listening.answers, F_SETFL, O_NONBLOCK);
    options.output_fd = answers;
    if (!spawn_run(argv, &options, NULL, error))
        return NULL;
    listen_on(&listening);
    if (json_object_get(listening.last, "fields") != NULL)
        return g_steal_pointer(&listening.last);
    code = json_integer_value(json_object_get(listening.last, "code"));
    error_set(error, code > 0 && code < ERR_MAX ? (ErrorCode)code : ERR_FAILED, "%s",
              listening.last != NULL ? json_member_string(listening.last, "error")
                                     : "berth-fetch gives no answer");
    return NULL;
}

json_t *fetch_json(const FetchServer *server, const char *path, GError **error)
{
    g_autoptr(json_t) request = request_new(server, path, error);
    g_auto(Fd) content = memfd_create("json", MFD_CLOEXEC);
    g_autoptr(json_t) answer = NULL;
    g_autoptr(GMappedFile) text = NULL;
    json_t *found;

    if (request == NULL)
        return NULL;
    json_object_set_new(request, "limit", json_integer(JSON_MAX));
    answer = run(request, content, NULL, error);
    if (answer == NULL)
        return NULL;
    text = g_mapped_file_new_from_fd(content, FALSE, error);
    if (text == NULL) {
        g_prefix_error(error, "read what %s sends: ", server->url);
        return NULL;
    }
    found = json_loadb(g_mapped_file_get_contents(text), g_mapped_file_get_length(text), 0, NULL);
    if (found == NULL)
        error_set(error, ERR_FAILED, "%s%s is no JSON", server->url, path);
    return found;
}

gboolean fetch_file(const FetchServer *server, const char *path, int fd,
                    const FetchProgress *progress, char **ret_type, GError **error)
{
    g_autoptr(json_t) request = request_new(server, path, error);
    g_autoptr(json_t) answer = request != NULL ? run(request, fd, progress, error) : NULL;

    if (answer == NULL)
        return FALSE;
    if (ret_type != NULL)
        *ret_type = g_strdup(json_member_string(answer, "type"));
    return TRUE;
}

static json_t *lines_of(const char *const *lines)
{
    json_t *list = json_array();

    for (; *lines != NULL; lines++)
        json_array_append_new(list, json_string(*lines));
    return list;
}

json_t *fetch_head(const FetchServer *server, const char *path, const char *const *headers,
                   GError **error)
{
    g_autoptr(json_t) request = request_new(server, path, error);
    g_autoptr(json_t) answer = NULL;

    if (request == NULL)
        return NULL;
    json_object_set_new(request, "head", json_true());
    json_object_set_new(request, "headers", lines_of(headers));
    answer = run(request, -1, NULL, error);
    return answer != NULL ? json_incref(json_object_get(answer, "fields")) : NULL;
}

gboolean fetch_post(const char *url, const char *const *headers, const char *body, guint seconds,
                    GError **error)
{
    g_autoptr(json_t) request =
        json_pack("{s:s, s:s, s:s, s:o, s:s, s:i}", "server", url, "url", url, "protocols",
                  "http,https", "headers", lines_of(headers), "body", body, "seconds", seconds);
    g_auto(Fd) unread = open("/dev/null", O_WRONLY | O_CLOEXEC);
    g_autoptr(json_t) answer = NULL;

    set_proxy(request, url);
    answer = run(request, unread, NULL, error);
    return answer != NULL;
}
