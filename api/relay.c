#include "relay.h"

#include <errno.h>
#include <glib-unix.h>
#include <unistd.h>

#include "context.h"
#include "http/websocket.h"

#define QUEUE (128u << 10)  /* bytes that wait for the client */
#define MESSAGE (64u << 20) /* the longest that a client may send at once */
#define PIECE (32u << 10)

struct Relay {
    WebSocket *socket; /* NULL: gone */
    GMainContext *context;
    const RelayHandlers *handlers;
    void *data;
    int from, to;
    GSource *readable, *writable; /* NULL: nothing is waited for */
    GByteArray *input;            /* came, and is not written to `to` yet */
    gboolean ended;               /* `from` has; its last message is queued */
    gboolean draining, closing, input_ended;
};

static void drop_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static GSource *watch_fd(Relay *relay, int fd, GIOCondition condition, GUnixFDSourceFunc function)
{
    GSource *source = g_unix_fd_source_new(fd, condition);

    g_source_set_callback(source, G_SOURCE_FUNC(function), relay, NULL);
    g_source_attach(source, relay->context);
    return source;
}

/* ---- to the client ---- */

static void end_output(Relay *relay)
{
    context_drop(&relay->readable);
    drop_fd(&relay->from);
    relay->ended = TRUE;
    websocket_send(relay->socket, TRUE, "", 0);
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
    Relay *relay = data;
    g_autofree char *piece = g_malloc(PIECE);
    ssize_t got = read(fd, piece, PIECE);

    if (got > 0)
        websocket_send(relay->socket, FALSE, piece, (gsize)got);
    else if (got == 0 || (errno != EAGAIN && errno != EINTR) ||
             (relay->draining && errno == EAGAIN)) {
        end_output(relay);
        return G_SOURCE_CONTINUE;
    }
    if (websocket_is_full(relay->socket))
        context_drop(&relay->readable);
    return G_SOURCE_CONTINUE;
}

static gboolean on_drain(gpointer data)
{
    Relay *relay = data;

    return on_readable(relay->from, G_IO_IN, relay);
}

/* Once nothing is written to it any more, a descriptor that is empty says nothing: it is asked. */
static void read_on(Relay *relay)
{
    if (relay->from < 0 || relay->readable != NULL || websocket_is_full(relay->socket))
        return;
    if (!relay->draining) {
        relay->readable = watch_fd(relay, relay->from, G_IO_IN, on_readable);
        return;
    }
    relay->readable = g_idle_source_new();
    g_source_set_priority(relay->readable, G_PRIORITY_DEFAULT);
    g_source_set_callback(relay->readable, on_drain, relay, NULL);
    g_source_attach(relay->readable, relay->context);
}

static void on_room(WebSocket *socket, void *data)
{
    Relay *relay = data;

    if (!relay->closing)
        read_on(relay);
}

static void on_drained(WebSocket *socket, void *data)
{
    Relay *relay = data;

    if (relay->ended && !relay->closing && relay->handlers->sent != NULL)
        relay->handlers->sent(relay, relay->data);
}

/* ---- from the client ---- */

static void end_input(Relay *relay)
{
    context_drop(&relay->writable);
    drop_fd(&relay->to);
    g_byte_array_set_size(relay->input, 0);
    if (relay->socket != NULL)
        websocket_pause(relay->socket, FALSE);
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer data)
{
    Relay *relay = data;
    ssize_t put = write(fd, relay->input->data, relay->input->len);

    if (put > 0)
        g_byte_array_remove_range(relay->input, 0, (guint)put);
    /* Nobody reads any more: what still comes is dropped, as a shell's pipe does. */
    else if (put < 0 && errno != EAGAIN && errno != EINTR)
        relay->input_ended = TRUE;
    if (relay->input_ended && (put < 0 || relay->input->len == 0)) {
        end_input(relay);
    } else if (relay->input->len == 0) {
        context_drop(&relay->writable);
        websocket_pause(relay->socket, FALSE);
    }
    return G_SOURCE_CONTINUE;
}

static void on_message(WebSocket *socket, gboolean is_text, const void *bytes, gsize size,
                       void *data)
{
    Relay *relay = data;
    ssize_t put = 0;

    if (relay->to < 0 || relay->input_ended || relay->closing)
        return;
    if (is_text && size == 0) {
        relay->input_ended = TRUE;
        if (relay->input->len == 0)
            end_input(relay);
        return;
    }
    if (relay->input->len == 0)
        put = write(relay->to, bytes, size);
    put = MAX(put, 0);
    g_byte_array_append(relay->input, (const guint8 *)bytes + put, (guint)(size - (gsize)put));
    if (relay->input->len > 0 && relay->writable == NULL) {
        websocket_pause(socket, TRUE);
        relay->writable = watch_fd(relay, relay->to, G_IO_OUT, on_writable);
    }
}

/* ---- the end ---- */

static void destroy(Relay *relay)
{
    context_drop(&relay->readable);
    context_drop(&relay->writable);
    drop_fd(&relay->from);
    drop_fd(&relay->to);
    g_byte_array_unref(relay->input);
    websocket_free(relay->socket);
    g_free(relay);
}

static void on_closed(WebSocket *socket, guint code, const char *reason, void *data)
{
    Relay *relay = data;

    if (relay->closing) {
        destroy(relay);
        return;
    }
    g_clear_pointer(&relay->socket, websocket_free);
    context_drop(&relay->readable);
    drop_fd(&relay->from);
    /* What the client sent before it left is still written. */
    relay->input_ended = TRUE;
    if (relay->input->len == 0)
        end_input(relay);
    relay->handlers->gone(relay, websocket_is_farewell(code), relay->data);
}

Relay *relay_new(Stream *stream, GMainContext *context, int from, int to,
                 const RelayHandlers *handlers, void *data)
{
    static const WebSocketHandlers of_socket = {
        .message = on_message, .writable = on_room, .closed = on_closed, .drained = on_drained};
    const WebSocketLimits limits = {.message = MESSAGE, .queue = QUEUE};
    Relay *relay = g_new0(Relay, 1);

    *relay =
        (Relay){.context = context, .handlers = handlers, .data = data, .from = from, .to = to};
    relay->input = g_byte_array_new();
    if (from >= 0)
        g_unix_set_fd_nonblocking(from, TRUE, NULL);
    if (to >= 0)
        g_unix_set_fd_nonblocking(to, TRUE, NULL);
    relay->socket = websocket_new(stream, FALSE, context, &limits, &of_socket, relay);
    read_on(relay);
    return relay;
}

void relay_drain(Relay *relay)
{
    if (relay->socket == NULL || relay->from < 0)
        return;
    relay->draining = TRUE;
    context_drop(&relay->readable);
    read_on(relay);
}

void relay_free(Relay *relay)
{
    if (relay == NULL)
        return;
    if (relay->socket == NULL) {
        destroy(relay);
        return;
    }
    relay->closing = TRUE;
    context_drop(&relay->readable);
    drop_fd(&relay->from);
    end_input(relay);
    websocket_close(relay->socket, WEBSOCKET_NORMAL, "");
}
