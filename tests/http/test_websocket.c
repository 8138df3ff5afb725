/* Websockets of both roles, at the two ends of a socket pair; and a hostile end that writes frames
 * by hand. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "file.h"
#include "http/server.h"
#include "http/websocket.h"

typedef struct {
    WebSocket *socket;
    GString *log; /* "t:TEXT;" "b:SIZE;" "w;" "c:CODE:REASON;" */
    gsize received;
    gboolean frees; /* itself, at the first message */
    gboolean closed;
} End;

static void on_message(WebSocket *socket, gboolean is_text, const void *bytes, gsize size,
                       void *data)
{
    End *end = data;

    end->received += size;
    if (is_text)
        g_string_append_printf(end->log, "t:%.*s;", (int)size, (const char *)bytes);
    else
        g_string_append_printf(end->log, "b:%zu;", size);
    if (end->frees)
        g_clear_pointer(&end->socket, websocket_free);
}

static void on_writable(WebSocket *socket, void *data)
{
    g_string_append(((End *)data)->log, "w;");
}

static void on_closed(WebSocket *socket, guint code, const char *reason, void *data)
{
    End *end = data;

    end->closed = TRUE;
    g_string_append_printf(end->log, "c:%u:%s;", code, reason);
}

static const WebSocketHandlers HANDLERS = {on_message, on_writable, on_closed};

static void start(End *end, int fd, gboolean is_client)
{
    const WebSocketLimits limits = {100000, 65536};

    *end = (End){.log = g_string_new(NULL)};
    end->socket = websocket_new(stream_new(fd), is_client, NULL, &limits, &HANDLERS, end);
}

static void stop(End *end)
{
    websocket_free(end->socket);
    g_string_free(end->log, TRUE);
}

static void pair(int fds[2])
{
    cr_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
}

static gboolean give_up(gpointer data)
{
    *(gboolean *)data = TRUE;
    return G_SOURCE_REMOVE;
}

/* Runs the loop until the log of `end` has `text`, or for 2 s. */
static void run_until(const End *end, const char *text)
{
    gboolean late = FALSE;
    guint timer = g_timeout_add_seconds(2, give_up, &late);

    while (!late && strstr(end->log->str, text) == NULL)
        g_main_context_iteration(NULL, TRUE);
    if (!late)
        g_source_remove(timer);
    cr_expect(!late, "no %s in %s", text, end->log->str);
}

static void run_for(guint ms)
{
    gboolean late = FALSE;

    g_timeout_add(ms, give_up, &late);
    while (!late)
        g_main_context_iteration(NULL, TRUE);
}

Test(websocket, messages_and_close)
{
    int fds[2];
    End server;
    End client;

    pair(fds);
    start(&server, fds[0], FALSE);
    start(&client, fds[1], TRUE);
    cr_expect(websocket_send(client.socket, TRUE, "hello", 5));
    cr_expect(websocket_send(client.socket, FALSE, "", 0));
    run_until(&server, "t:hello;b:0;");
    websocket_ping(client.socket);
    cr_expect(websocket_send(server.socket, TRUE, "back", 4));
    run_until(&client, "t:back;");
    websocket_close(client.socket, 1000, "done");
    run_until(&server, "c:1000:done;");
    run_until(&client, "c:1000:done;");
    cr_expect(!websocket_send(client.socket, TRUE, "late", 4));
    stop(&server);
    stop(&client);
}

Test(websocket, may_be_freed_in_its_handler)
{
    int fds[2];
    End server;
    End client;

    pair(fds);
    start(&server, fds[0], FALSE);
    start(&client, fds[1], TRUE);
    server.frees = TRUE;
    websocket_send(client.socket, TRUE, "a", 1);
    websocket_send(client.socket, TRUE, "b", 1);
    run_until(&server, "t:a;");
    run_until(&client, "c:1006:;");
    cr_expect_str_eq(server.log->str, "t:a;");
    stop(&server);
    stop(&client);
}

/* A reader that does not read fills the queue, which says so, and says when there is room again. */
Test(websocket, back_pressure)
{
    g_autofree char *bytes = g_malloc0(50000);
    int fds[2];
    End server;
    End client;
    guint sent = 0;

    pair(fds);
    start(&server, fds[0], FALSE);
    start(&client, fds[1], TRUE);
    websocket_pause(client.socket, TRUE);
    while (!websocket_is_full(server.socket)) {
        cr_assert(websocket_send(server.socket, FALSE, bytes, 50000) && sent++ < 1000);
        run_for(1);
    }
    run_for(20);
    cr_expect(g_str_equal(client.log->str, "") && g_str_equal(server.log->str, ""));
    websocket_pause(client.socket, FALSE);
    run_until(&server, "w;");
    run_for(50);
    cr_expect(client.received == sent * 50000, "%zu of %u", client.received, sent * 50000);
    cr_expect(websocket_queued(server.socket) == 0);
    stop(&server);
    stop(&client);
}

/* Sends bytes to a server and expects how it ends. */
static void expect_end(const void *bytes, gsize size, const char *wanted)
{
    int fds[2];
    End server;

    pair(fds);
    start(&server, fds[0], FALSE);
    cr_assert(send(fds[1], bytes, size, MSG_NOSIGNAL) == (gssize)size);
    shutdown(fds[1], SHUT_WR);
    run_until(&server, "c:");
    cr_expect(strstr(server.log->str, wanted) != NULL, "%02x %02x: %s, not %s",
              ((const guint8 *)bytes)[0], ((const guint8 *)bytes)[1], server.log->str, wanted);
    close(fds[1]);
    stop(&server);
}

#define MASK "\0\0\0\0"

Test(websocket, hostile_frames)
{
    expect_end("\0", 0, "c:1006:");                        /* leaves */
    expect_end("\x81\x05hello", 7, "c:1002:");             /* not masked */
    expect_end("\xf1\x81" MASK "x", 7, "c:1002:");         /* reserved bits */
    expect_end("\x83\x81" MASK "x", 7, "c:1002:");         /* reserved opcode */
    expect_end("\x80\x81" MASK "x", 7, "c:1002:");         /* continues nothing */
    expect_end("\x89\xfe\x00\x7e" MASK "x", 9, "c:1006:"); /* a ping of 126 bytes, cut */
    expect_end("\x81\x81" MASK "\xff", 7, "c:1007:");      /* not UTF-8 */
    expect_end("\x82\xff\x00\x00\x01\x00\x00\x00\x00\x00" MASK "x", 15, "c:1009:"); /* a terabyte */
    expect_end("\x88\x81" MASK "x", 7, "c:1005:");   /* half a code */
    expect_end("\x81\x85" MASK "hel", 9, "c:1006:"); /* cut */
}

/* Fragments of one byte cost one byte. */
Test(websocket, fragments)
{
    int fds[2];
    End server;
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    g_byte_array_append(bytes, (const guint8 *)"\x02\x81" MASK "x", 7);
    for (int i = 0; i < 5000; i++)
        g_byte_array_append(bytes, (const guint8 *)"\x00\x81" MASK "x", 7);
    g_byte_array_append(bytes, (const guint8 *)"\x89\x80" MASK, 6);
    g_byte_array_append(bytes, (const guint8 *)"\x80\x81" MASK "x", 7);
    pair(fds);
    start(&server, fds[0], FALSE);
    cr_assert(send(fds[1], bytes->data, bytes->len, 0) == (gssize)bytes->len);
    run_until(&server, "b:5002;");
    close(fds[1]);
    stop(&server);
}

/* A peer that never answers a close frame is left after the wait. */
Test(websocket, close_without_answer, .timeout = 15)
{
    int fds[2];
    End server;

    pair(fds);
    start(&server, fds[0], FALSE);
    websocket_close(server.socket, 1001, "going");
    run_for(3000);
    cr_expect(!server.closed);
    run_for(3000);
    cr_expect(server.closed);
    cr_expect_str_eq(server.log->str, "c:1001:;");
    close(fds[1]);
    stop(&server);
}

/* The handshake of a client against answers of all sorts. */
static gboolean try_handshake(const char *answer, char **ret_message)
{
    int fds[2];
    g_autoptr(Stream) stream = NULL;
    g_autoptr(GError) error = NULL;
    gboolean ok;

    pair(fds);
    cr_assert(send(fds[1], answer, strlen(answer), 0) >= 0);
    shutdown(fds[1], SHUT_WR);
    stream = stream_new(fds[0]);
    ok = websocket_connect(stream, "h", "/x", NULL, &error);
    *ret_message = g_strdup(error != NULL ? error->message : "");
    close(fds[1]);
    return ok;
}

Test(websocket, client_handshake)
{
    static const char *const answers[][2] = {
        {"", "closed the connection"},
        {"HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"},
        {"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
         "wrong\r\n\r\n",
         "no websocket server"},
        {"HTTP/1.1 101 Ok\r\n\r\n", "no websocket server"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autofree char *message = NULL;

        cr_expect(!try_handshake(answers[i][0], &message));
        cr_expect(strstr(message, answers[i][1]) != NULL, "%s", message);
    }
}

static void take_stream(Stream *stream, void *data)
{
    g_async_queue_push(data, stream);
}

/* Answers what is no handshake with 400 and the reason. */
static void on_request(Request *request, void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) body = NULL;

    if (websocket_upgrade(request, take_stream, data, &error))
        return;
    body = g_bytes_new(error->message, strlen(error->message));
    request_answer(request, 400, NULL, body);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    cr_assert(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* What a server says to a handshake with these header fields. */
static void expect_answer(const char *path, const char *fields, const char *wanted)
{
    g_autofree char *text = g_strdup_printf("GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", fields);
    g_auto(Fd) fd = connect_to(path);
    char answer[2048] = "";

    cr_assert(send(fd, text, strlen(text), 0) == (gssize)strlen(text));
    cr_assert(recv(fd, answer, sizeof answer - 1, 0) > 0);
    cr_expect(strstr(answer, wanted) != NULL, "%s\ngives\n%s\nwithout %s", text, answer, wanted);
}

#define ASK "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

Test(websocket, handshake_between_client_and_server)
{
    g_autofree char *folder = g_dir_make_tmp("berth-websocket-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "s", NULL);
    g_autoptr(GAsyncQueue) streams = g_async_queue_new();
    const HttpHandlers handlers = {NULL, on_request, streams};
    HttpServer *http = http_server_new(&handlers, NULL);
    g_autoptr(GError) error = NULL;
    Stream *stream;
    End server = {.log = g_string_new(NULL)};
    End client = {.log = g_string_new(NULL)};

    cr_assert(http_server_add_unix(http, path, (gid_t)-1, &error) != NULL);
    stream = stream_new(connect_to(path));
    cr_assert(websocket_connect(stream, "host", "/1.0/events", NULL, &error), "%s",
              error != NULL ? error->message : "");
    client.socket = websocket_new(stream, TRUE, NULL, NULL, &HANDLERS, &client);
    server.socket =
        websocket_new(g_async_queue_pop(streams), FALSE, NULL, NULL, &HANDLERS, &server);
    websocket_send(client.socket, TRUE, "up", 2);
    run_until(&server, "t:up;");
    websocket_send(server.socket, TRUE, "down", 4);
    run_until(&client, "t:down;");
    websocket_close(server.socket, 1000, "");
    run_until(&client, "c:1000:;");
    stop(&server);
    stop(&client);

    /* The example of RFC 6455, 1.3. */
    expect_answer(path, ASK VERSION KEY, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    stream_free(g_async_queue_pop(streams));
    expect_answer(path, VERSION KEY, "400 Bad Request");
    expect_answer(path, ASK KEY, "version 13");
    expect_answer(path, ASK VERSION, "Sec-WebSocket-Key");
    expect_answer(path, ASK VERSION "Sec-WebSocket-Key: short\r\n", "Sec-WebSocket-Key");
    http_server_free(http);
    file_remove_tree(folder, NULL);
}
