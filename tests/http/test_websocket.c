/* Websockets, frame by frame, over a socket pair; the other end is written by hand. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/websocket.h"

typedef struct {
    Websocket *socket;
    GString *got; /* "[" and content and "]" of each message */
    guint closed, drained, pongs;
    gboolean frees; /* in `piece` */
} End;

static void on_piece(Websocket *socket, const WebsocketPiece *piece, void *data)
{
    End *end = data;

    if (piece->first)
        g_string_append(end->got, piece->kind == WEBSOCKET_TEXT ? "t[" : "b[");
    g_string_append_len(end->got, piece->data, (gssize)piece->length);
    if (piece->last)
        g_string_append_c(end->got, ']');
    if (end->frees) {
        websocket_free(socket);
        end->socket = NULL;
    }
}

static void on_drained(Websocket *socket, void *data)
{
    ((End *)data)->drained++;
}

static void on_pong(Websocket *socket, void *data)
{
    ((End *)data)->pongs++;
}

static void on_closed(Websocket *socket, void *data)
{
    ((End *)data)->closed++;
}

static const WebsocketHandlers handlers = {on_piece, on_drained, on_pong, on_closed};

static int peer;
static End end;

static void setup(void)
{
    int fds[2];

    cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    peer = fds[1];
    end = (End){.got = g_string_new(NULL)};
    end.socket = websocket_new(stream_new(fds[0]), NULL, &handlers, &end);
}

static void teardown(void)
{
    websocket_free(end.socket);
    g_string_free(end.got, TRUE);
    if (peer >= 0)
        close(peer);
}

TestSuite(websocket, .init = setup, .fini = teardown, .timeout = 20);

static void turn(void)
{
    for (int i = 0; i < 50; i++)
        g_main_context_iteration(NULL, FALSE);
}

/* One frame of a client: masked with zeros, unless `flags` says otherwise. */
static void put(guint8 head, const char *text, gboolean masked)
{
    gsize length = strlen(text);
    guint8 frame[200] = {head, (guint8)(length | (masked ? 0x80 : 0))};
    gsize at = masked ? 6 : 2;

    memcpy(frame + at, text, length);
    cr_assert(write(peer, frame, at + length) == (ssize_t)(at + length));
}

static void expect(const char *bytes, gsize length)
{
    char buffer[300];

    turn();
    cr_assert_eq(recv(peer, buffer, sizeof buffer, MSG_DONTWAIT), (ssize_t)length);
    cr_assert(memcmp(buffer, bytes, length) == 0);
}

Test(websocket, messages_come_in_pieces_and_empty_ones_too)
{
    put(0x81, "hello", TRUE);
    put(0x02, "ab", TRUE);
    put(0x00, "cd", TRUE);
    put(0x80, "", TRUE);
    put(0x81, "", TRUE);
    turn();
    cr_assert_str_eq(end.got->str, "t[hello]b[abcd]t[]");
}

Test(websocket, messages_go_out_and_the_queue_drains)
{
    websocket_send(end.socket, WEBSOCKET_BINARY, "xyz", 3);
    websocket_send(end.socket, WEBSOCKET_TEXT, "", 0);
    cr_assert_gt(websocket_queued(end.socket), 0);
    expect("\x82\x03xyz\x81\x00", 7);
    cr_assert_eq(end.drained, 1);
    cr_assert_eq(websocket_queued(end.socket), 0);
}

Test(websocket, pings_are_answered_and_pongs_told)
{
    put(0x89, "p", TRUE);
    expect("\x8a\x01p", 3);
    websocket_ping(end.socket);
    expect("\x89\x00", 2);
    put(0x8a, "", TRUE);
    turn();
    cr_assert_eq(end.pongs, 1);
}

Test(websocket, a_close_is_answered_and_told_once)
{
    put(0x88, "", TRUE);
    expect("\x88\x00", 2);
    cr_assert_eq(end.closed, 1);
    close(peer);
    peer = -1;
    turn();
    cr_assert_eq(end.closed, 1);
}

Test(websocket, one_that_leaves_is_told)
{
    close(peer);
    peer = -1;
    turn();
    cr_assert_eq(end.closed, 1);
}

Test(websocket, broken_protocol_ends_it)
{
    put(0x81, "not masked", FALSE);
    expect("\x88\x02\x03\xea", 4);
    cr_assert_eq(end.closed, 1);
    cr_assert_str_eq(end.got->str, "");
}

Test(websocket, text_that_is_not_utf8_ends_it)
{
    put(0x81, "\xff\xfe", TRUE);
    turn();
    cr_assert_eq(end.closed, 1);
}

Test(websocket, who_pauses_reads_nothing_and_loses_nothing)
{
    websocket_pause(end.socket, TRUE);
    put(0x81, "later", TRUE);
    close(peer);
    peer = -1;
    turn();
    cr_assert_str_eq(end.got->str, "");
    cr_assert_eq(end.closed, 0);
    websocket_pause(end.socket, FALSE);
    turn();
    cr_assert_str_eq(end.got->str, "t[later]");
    cr_assert_eq(end.closed, 1);
}

Test(websocket, a_handler_may_free_it)
{
    end.frees = TRUE;
    put(0x81, "a", TRUE);
    put(0x81, "b", TRUE);
    turn();
    cr_assert_str_eq(end.got->str, "t[a");
}

Test(websocket, finishing_sends_what_is_queued_first)
{
    g_autofree char *much = g_strnfill(1 << 20, 'x');
    char buffer[4096];
    gsize got = 0;
    ssize_t n;

    websocket_send(end.socket, WEBSOCKET_BINARY, much, 1 << 20);
    websocket_finish(end.socket);
    end.socket = NULL;
    for (int i = 0; i < 10000 && got < (1 << 20) + 14; i++) {
        g_main_context_iteration(NULL, FALSE);
        n = recv(peer, buffer, sizeof buffer, MSG_DONTWAIT);
        got += (gsize)MAX(n, 0);
    }
    cr_assert_eq(got, (1 << 20) + 10 + 4);
    put(0x88, "", TRUE);
    turn();
    cr_assert_eq(recv(peer, buffer, sizeof buffer, MSG_DONTWAIT), 0);
}

Test(websocket, who_pings_and_reads_nothing_has_to_wait)
{
    guint sent = 0;
    static const guint8 ping[] = {0x89, 0x80, 0, 0, 0, 0};

    while (send(peer, ping, sizeof ping, MSG_DONTWAIT) == sizeof ping && sent < 1000000) {
        sent++;
        g_main_context_iteration(NULL, FALSE);
    }
    cr_assert_lt(sent, 1000000);
}
