/* How websockets end and wait: what is queued is sent first, what was sent is read, nobody who does
 * not read makes us keep much. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/websocket.h"

typedef struct {
    WebSocket *socket;
    GString *got;
    guint closed, drained, pongs;
} End;

static void on_message(WebSocket *socket, gboolean is_text, const void *bytes, gsize size,
                       void *data)
{
    g_string_append_len(((End *)data)->got, bytes, (gssize)size);
}

static void on_drained(WebSocket *socket, void *data)
{
    ((End *)data)->drained++;
}

static void on_pong(WebSocket *socket, void *data)
{
    ((End *)data)->pongs++;
}

static void on_closed(WebSocket *socket, guint code, const char *reason, void *data)
{
    ((End *)data)->closed = code;
}

static const WebSocketHandlers handlers = {
    .message = on_message, .closed = on_closed, .drained = on_drained, .pong = on_pong};

static int peer;
static End end;

static void setup(void)
{
    int fds[2];

    cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    peer = fds[1];
    end = (End){.got = g_string_new(NULL)};
    end.socket = websocket_new(stream_new(fds[0]), FALSE, NULL, NULL, &handlers, &end);
}

static void teardown(void)
{
    websocket_free(end.socket);
    g_string_free(end.got, TRUE);
    if (peer >= 0)
        close(peer);
}

TestSuite(websocket_end, .init = setup, .fini = teardown, .timeout = 20);

static void turn(void)
{
    for (int i = 0; i < 50; i++)
        g_main_context_iteration(NULL, FALSE);
}

Test(websocket_end, the_queue_drains)
{
    char buffer[20];

    websocket_send(end.socket, FALSE, "xyz", 3);
    websocket_send(end.socket, TRUE, "", 0);
    turn();
    cr_assert_eq(recv(peer, buffer, sizeof buffer, MSG_DONTWAIT), 7);
    cr_assert(memcmp(buffer, "\x82\x03xyz\x81\x00", 7) == 0);
    cr_assert_eq(end.drained, 1);
}

Test(websocket_end, pongs_are_told)
{
    websocket_ping(end.socket);
    cr_assert(write(peer, "\x8a\x80\0\0\0\0", 6) == 6);
    turn();
    cr_assert_eq(end.pongs, 1);
}

Test(websocket_end, what_was_sent_before_a_pause_is_not_lost)
{
    websocket_pause(end.socket, TRUE);
    cr_assert(write(peer, "\x81\x85\0\0\0\0later", 11) == 11);
    close(peer);
    peer = -1;
    turn();
    cr_assert_str_eq(end.got->str, "");
    cr_assert_not(g_main_context_pending(NULL), "the loop turns for nothing");
    cr_assert_eq(end.closed, 0);
    websocket_pause(end.socket, FALSE);
    turn();
    cr_assert_str_eq(end.got->str, "later");
    cr_assert_eq(end.closed, WEBSOCKET_BROKEN);
}

Test(websocket_end, closing_sends_what_is_queued_first)
{
    g_autofree char *much = g_strnfill(1 << 20, 'x');
    char buffer[4096];
    gsize got = 0;
    ssize_t n;

    websocket_send(end.socket, FALSE, much, 1 << 20);
    websocket_close(end.socket, WEBSOCKET_NORMAL, "");
    for (int i = 0; i < 10000 && got < (1 << 20) + 14; i++) {
        g_main_context_iteration(NULL, FALSE);
        n = recv(peer, buffer, sizeof buffer, MSG_DONTWAIT);
        got += (gsize)MAX(n, 0);
    }
    cr_assert_eq(got, (1 << 20) + 14);
    cr_assert(write(peer, "\x88\x80\0\0\0\0", 6) == 6);
    turn();
    cr_assert_eq(end.closed, 1005);
}

Test(websocket_end, who_pings_and_reads_nothing_has_to_wait)
{
    static const guint8 ping[] = {0x89, 0x80, 0, 0, 0, 0};
    guint sent = 0;

    while (send(peer, ping, sizeof ping, MSG_DONTWAIT) == sizeof ping && sent < 1000000) {
        sent++;
        g_main_context_iteration(NULL, FALSE);
    }
    cr_assert_lt(sent, 1000000);
}
