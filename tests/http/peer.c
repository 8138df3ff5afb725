/* A server for the tests of tests/http: each path makes the transport do one thing.
 *
 *     http-peer SPOOL SECONDS LISTENER...
 *
 * SPOOL is the folder of stored bodies, SECONDS both time-outs. A LISTENER is unix:PATH, fd:N, or
 * tls:ADDRESS with the files server.crt and server.key in SPOOL. Says "ready ADDRESS..." when it
 * listens, and ends when its input does. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "http/server.h"
#include "http/stream.h"
#include "json.h"

static HttpServer *server;
static Tls *tls;
static const char *spool;
static GHashTable *listeners; /* address -> HttpListener; main thread */
static gint gone;             /* clients that left */
static GMainLoop *loop;

static const char *const JSON[] = {"Content-Type", "application/json", NULL};

/* Consumes the value. */
static void answer_json(Request *request, json_t *value)
{
    g_autofree char *text = json_text(value);
    g_autoptr(GBytes) body = g_bytes_new(text, strlen(text));

    json_decref(value);
    request_answer(request, 200, JSON, body);
}

static gboolean is(const Request *request, const char *name)
{
    return g_strcmp0(request_segments(request)[0], name) == 0;
}

static void add_header(const char *name, const char *value, void *data)
{
    json_object_set_new(data, name, json_string(value));
}

static json_t *queries_of(const Request *request)
{
    json_t *all = json_object();
    g_autofree const char **names = request_query_names(request);

    for (const char **name = names; *name != NULL; name++) {
        g_autofree const char **values = request_query_all(request, *name);
        json_t *list = json_array();

        for (const char **value = values; *value != NULL; value++)
            json_array_append_new(list, json_string(*value));
        json_object_set_new(all, *name, list);
    }
    return all;
}

static json_t *describe(const Request *request)
{
    const Peer *peer = request_peer(request);
    json_t *segments = json_array();
    json_t *headers = json_object();
    g_autofree char *certificate =
        peer->certificate != NULL
            ? g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, peer->certificate)
            : NULL;

    for (const char *const *at = request_segments(request); *at != NULL; at++)
        json_array_append_new(segments, json_string(*at));
    request_headers_foreach(request, add_header, headers);
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:{s:b, s:i, s:i, s:i, s:s, s:s?}}", "method",
                     request_method(request), "target", request_target(request), "path",
                     request_path(request), "segments", segments, "query", queries_of(request),
                     "headers", headers, "peer", "unix", peer->is_unix, "uid", (int)peer->uid,
                     "gid", (int)peer->gid, "pid", (int)peer->pid, "address", peer->address,
                     "certificate", certificate);
}

static gboolean answer_later(gpointer data)
{
    g_autoptr(Request) request = data;

    answer_json(request, json_pack("{s:s}", "later", request_query(request, "ms")));
    return G_SOURCE_REMOVE;
}

static void on_gone(Request *request, void *data)
{
    g_atomic_int_inc(&gone);
    request_answer(request, 200, NULL, NULL);
    request_unref(data);
}

static int count_fds(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    int count = 0;

    while (g_dir_read_name(dir) != NULL)
        count++;
    return count;
}

static void answer_stored(Request *request)
{
    guint64 size;
    int fd = request_body_fd(request, &size);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    char buffer[65536];
    gssize got;

    while (fd >= 0 && (got = read(fd, buffer, sizeof buffer)) > 0)
        g_checksum_update(sum, (const guchar *)buffer, got);
    answer_json(request, json_pack("{s:I, s:s}", "size", (json_int_t)size, "sha256",
                                   g_checksum_get_string(sum)));
}

static void answer_file(Request *request)
{
    g_autofree char *path = g_build_filename(spool, request_query(request, "name"), NULL);
    static const char *const headers[] = {"Content-Type", "application/octet-stream", "ETag",
                                          "\"one\"", NULL};
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    request_answer_file(request, 200, headers, fd, (guint64)lseek(fd, 0, SEEK_END));
}

/* Listeners come and go in the main thread, as they would in the daemon. */
static gboolean control(gpointer data)
{
    g_autoptr(Request) request = data;
    const char *add = request_query(request, "add");
    const char *drop = request_query(request, "remove");
    g_autofree char *certificate = g_build_filename(spool, "server.crt", NULL);
    g_autofree char *key = g_build_filename(spool, "server.key", NULL);
    g_autofree char *certificate_text = NULL;
    g_autofree char *key_text = NULL;
    g_autoptr(GError) error = NULL;
    HttpListener *listener = NULL;

    if (add != NULL &&
        (listener = http_server_add_tcp(server, add, 8443, 1, tls, 0, &error)) != NULL)
        g_hash_table_insert(listeners, g_strdup(http_listener_address(listener)), listener);
    if (drop != NULL && (listener = g_hash_table_lookup(listeners, drop)) != NULL) {
        http_server_remove(server, listener);
        g_hash_table_remove(listeners, drop);
    } else if (request_query(request, "renew") != NULL) {
        file_read(certificate, 65536, &certificate_text, NULL, &error);
        file_read(key, 65536, &key_text, NULL, &error);
        tls_replace(tls, certificate_text, key_text, &error);
    }
    answer_json(
        request,
        json_pack("{s:s?, s:s?}", "error", error != NULL ? error->message : NULL, "address",
                  add != NULL && listener != NULL ? http_listener_address(listener) : NULL));
    return G_SOURCE_REMOVE;
}

/* A stream that sends back what comes. */
static gboolean echo(gint fd, GIOCondition condition, gpointer data)
{
    char buffer[4096];
    gssize got;

    while ((got = stream_read(data, buffer, sizeof buffer)) > 0)
        g_assert(stream_write(data, buffer, (gsize)got) == got);
    if (got < 0 && errno == EAGAIN)
        return G_SOURCE_CONTINUE;
    stream_free(data);
    return G_SOURCE_REMOVE;
}

static gboolean start_echo(gpointer stream)
{
    if (!stream_has_pending(stream) || echo(-1, 0, stream) == G_SOURCE_CONTINUE)
        g_unix_fd_add(stream_fd(stream), G_IO_IN | G_IO_HUP, echo, stream);
    return G_SOURCE_REMOVE;
}

static void on_stream(Stream *stream, void *data)
{
    if (stream != NULL)
        g_idle_add(start_echo, stream);
}

static BodyPolicy on_header(Request *request, void *data)
{
    if (is(request, "refuse"))
        request_answer(request, 403, NULL, NULL);
    if (is(request, "store"))
        return (BodyPolicy){BODY_FILE, request_query(request, "limit") != NULL ? 100000 : 0};
    if (is(request, "none"))
        return (BodyPolicy){BODY_NONE, 0};
    return (BodyPolicy){BODY_MEMORY, 100000};
}

static void on_request(Request *request, void *data)
{
    g_autoptr(GBytes) small = g_bytes_new_static("{\"type\":\"sync\"}", 15);
    static const char *const hostile[] = {"X-One", "1\r\nX-Two: 2", NULL};

    if (is(request, "small"))
        request_answer(request, 200, JSON, small);
    else if (is(request, "later"))
        g_timeout_add((guint)atoi(request_query(request, "ms")), answer_later,
                      request_ref(request));
    else if (is(request, "wait"))
        request_on_gone(request, NULL, on_gone, request_ref(request), NULL);
    else if (is(request, "twice"))
        request_answer(request, 201, NULL, NULL),
            request_answer_file(request, 200, NULL, dup(0), 0);
    else if (is(request, "hostile-header"))
        request_answer(request, 200, hostile, NULL);
    else if (is(request, "echo"))
        request_answer(request, 200, NULL, request_body(request));
    else if (is(request, "store"))
        answer_stored(request);
    else if (is(request, "file"))
        answer_file(request);
    else if (is(request, "stream"))
        request_upgrade(request, "echo", NULL, on_stream, NULL);
    else if (is(request, "control"))
        g_idle_add(control, request_ref(request));
    else if (is(request, "counts"))
        answer_json(request, json_pack("{s:i, s:i, s:i}", "fds", count_fds(), "gone",
                                       g_atomic_int_get(&gone), "connections",
                                       (int)http_server_connections(server)));
    else if (!is(request, "forget"))
        answer_json(request, describe(request));
}

static gboolean on_input(gint fd, GIOCondition condition, gpointer data)
{
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

static HttpListener *add_listener(const char *text, GError **error)
{
    const char *rest = strchr(text, ':') + 1;

    if (g_str_has_prefix(text, "unix:"))
        return http_server_add_unix(server, rest, (gid_t)-1, error);
    if (g_str_has_prefix(text, "fd:"))
        return http_server_add_fd(server, atoi(rest), tls, error);
    return http_server_add_tcp(server, rest, 8443, 10, tls, 0, error);
}

int main(int argc, char **argv)
{
    HttpHandlers handlers = {on_header, on_request, NULL};
    HttpLimits limits = {argv[1], (guint)atoi(argv[2]), (guint)atoi(argv[2]), 0, 0};
    g_autofree char *certificate = g_build_filename(argv[1], "server.crt", NULL);
    g_autofree char *key = g_build_filename(argv[1], "server.key", NULL);
    g_autofree char *certificate_text = NULL;
    g_autofree char *key_text = NULL;
    g_autoptr(GError) error = NULL;

    /* A file that may not grow is an error of write(2), as in berthd. */
    signal(SIGXFSZ, SIG_IGN);
    spool = argv[1];
    loop = g_main_loop_new(NULL, FALSE);
    listeners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (file_read(certificate, 65536, &certificate_text, NULL, NULL) &&
        file_read(key, 65536, &key_text, NULL, NULL))
        tls = tls_new(certificate_text, key_text, &error);
    server = http_server_new(&handlers, &limits);
    printf("ready");
    for (int i = 3; i < argc && error == NULL; i++) {
        HttpListener *listener = add_listener(argv[i], &error);

        if (listener == NULL)
            break;
        g_hash_table_insert(listeners, g_strdup(http_listener_address(listener)), listener);
        printf(" %s", http_listener_address(listener));
    }
    printf("\n");
    fflush(stdout);
    if (error == NULL) {
        g_unix_fd_add(0, G_IO_IN | G_IO_HUP, on_input, NULL);
        g_main_loop_run(loop);
    } else {
        fprintf(stderr, "%s\n", error->message);
    }
    http_server_free(server);
    tls_unref(tls);
    g_hash_table_unref(listeners);
    g_main_loop_unref(loop);
    return error == NULL ? 0 : 1;
}
