#include "http/websocket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <wslay/wslay.h>

#define MESSAGE_LIMIT (16 * 1024 * 1024)
#define QUEUE_LIMIT (1024 * 1024)
/* Bytes that one turn of the main loop reads, so that a busy peer leaves time to others. */
#define TURN (256 * 1024)
/* Messages that may wait: who sends pings and reads no pongs has to wait. */
#define ANSWER_LIMIT 4096
#define CLOSE_WAIT (5 * G_USEC_PER_SEC)

struct WebSocket {
    GSource source; /* first: the source is the websocket */
    Stream *stream;
    wslay_event_context_ptr wslay;
    WebSocketHandlers handlers;
    void *data;
    gsize queue_limit;
    gpointer tag; /* of the fd in the source */
    GByteArray *message;
    gboolean is_text;
    gboolean in_control; /* the frame that comes now is a control frame */
    gboolean paused;
    gboolean more;      /* the turn ended before the bytes did */
    gboolean was_full;  /* `writable` is owed */
    gboolean is_closed; /* no handler is to be called any more */
    gboolean is_broken; /* the connection is of no use */
    gboolean drains;    /* `drained` is owed */
    gboolean hung_up;   /* the peer is gone, but what it sent may not have been read */
    gsize turn;         /* bytes read in this turn */
    guint close_code;   /* of a close frame that is sent once the queue is empty; else 0 */
    char *close_reason;
    guint code; /* of a close frame that came */
    char *reason;
};

static gboolean takes_input(const WebSocket *socket)
{
    return !socket->is_closed && !socket->paused &&
           wslay_event_get_queued_msg_count(socket->wslay) < ANSWER_LIMIT;
}

static ssize_t on_read(wslay_event_context_ptr wslay, uint8_t *buffer, size_t size, int flags,
                       void *user)
{
    WebSocket *socket = user;
    gssize got;

    if (!takes_input(socket) || socket->turn >= TURN) {
        socket->more = takes_input(socket);
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    got = stream_read(socket->stream, buffer, size);
    if (got > 0) {
        socket->turn += (gsize)got;
        return got;
    }
    socket->is_broken |= got == 0 || errno != EAGAIN;
    wslay_event_set_error(wslay,
                          socket->is_broken ? WSLAY_ERR_CALLBACK_FAILURE : WSLAY_ERR_WOULDBLOCK);
    return -1;
}

static ssize_t on_write(wslay_event_context_ptr wslay, const uint8_t *bytes, size_t size, int flags,
                        void *user)
{
    WebSocket *socket = user;
    gssize put = stream_write(socket->stream, bytes, size);

    if (put >= 0)
        return put;
    socket->is_broken |= errno != EAGAIN;
    wslay_event_set_error(wslay,
                          socket->is_broken ? WSLAY_ERR_CALLBACK_FAILURE : WSLAY_ERR_WOULDBLOCK);
    return -1;
}

static int on_mask(wslay_event_context_ptr wslay, uint8_t *buffer, size_t size, void *user)
{
    return getentropy(buffer, size);
}

/* Messages are put together here: wslay would keep a list entry for each fragment, of which a
 * hostile peer sends one a byte. */
static void on_frame(wslay_event_context_ptr wslay,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *user)
{
    WebSocket *socket = user;

    socket->in_control = wslay_is_ctrl_frame(frame->opcode);
    if (frame->opcode == WSLAY_TEXT_FRAME || frame->opcode == WSLAY_BINARY_FRAME)
        socket->is_text = frame->opcode == WSLAY_TEXT_FRAME;
}

static void on_chunk(wslay_event_context_ptr wslay,
                     const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *user)
{
    WebSocket *socket = user;

    if (!socket->in_control)
        g_byte_array_append(socket->message, chunk->data, (guint)chunk->data_length);
}

static void on_message(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *arg,
                       void *user)
{
    WebSocket *socket = user;

    if (arg->opcode == WSLAY_CONNECTION_CLOSE) {
        gsize skip = MIN(arg->msg_length, 2);

        socket->code = arg->status_code != 0 ? arg->status_code : WSLAY_CODE_NO_STATUS_RCVD;
        g_free(socket->reason);
        socket->reason =
            g_utf8_make_valid((const char *)arg->msg + skip, (gssize)(arg->msg_length - skip));
    } else if (arg->opcode == WSLAY_PONG) {
        if (!socket->is_closed && socket->handlers.pong != NULL)
            socket->handlers.pong(socket, socket->data);
    } else if (!wslay_is_ctrl_frame(arg->opcode) && !socket->is_closed) {
        g_autoptr(GByteArray) message = g_steal_pointer(&socket->message);

        socket->message = g_byte_array_new();
        socket->handlers.message(socket, socket->is_text, message->data, message->len,
                                 socket->data);
    }
}

static gboolean is_over(const WebSocket *socket)
{
    return socket->is_broken ||
           (!wslay_event_want_read(socket->wslay) && !wslay_event_want_write(socket->wslay));
}

/* Says what the loop has to wait for. */
static void update(WebSocket *socket)
{
    GIOCondition wanted = 0;

    if (socket->is_closed)
        return;
    if (takes_input(socket) && wslay_event_want_read(socket->wslay))
        wanted |= G_IO_IN;
    if (wslay_event_want_write(socket->wslay))
        wanted |= G_IO_OUT;
    if (socket->hung_up && socket->paused) {
        /* A descriptor that is watched for nothing still tells of its end, again and again. */
        if (socket->tag != NULL)
            g_source_remove_unix_fd(&socket->source, socket->tag);
        socket->tag = NULL;
    } else if (socket->tag == NULL) {
        socket->tag = g_source_add_unix_fd(&socket->source, stream_fd(socket->stream), wanted);
    } else {
        g_source_modify_unix_fd(&socket->source, socket->tag, wanted);
    }
    /* One that ends gets its time, once. */
    if ((wslay_event_get_close_sent(socket->wslay) ||
         !wslay_event_get_read_enabled(socket->wslay)) &&
        g_source_get_ready_time(&socket->source) < 0)
        g_source_set_ready_time(&socket->source, g_get_monotonic_time() + CLOSE_WAIT);
}

static gboolean is_due(GSource *source)
{
    WebSocket *socket = (WebSocket *)source;

    return is_over(socket) ||
           (takes_input(socket) && (socket->more || stream_has_pending(socket->stream)));
}

static gboolean on_prepare(GSource *source, gint *timeout)
{
    *timeout = -1;
    return is_due(source);
}

static GIOCondition happened(WebSocket *socket)
{
    return socket->tag != NULL ? g_source_query_unix_fd(&socket->source, socket->tag) : 0;
}

static gboolean on_check(GSource *source)
{
    return happened((WebSocket *)source) != 0 || is_due(source);
}

/* Writes what can be written. wslay would send a close frame before messages that were queued
 * earlier, so it gets it last. */
static void write_some(WebSocket *socket)
{
    if (socket->is_broken || socket->is_closed)
        return;
    if (wslay_event_want_write(socket->wslay) && wslay_event_send(socket->wslay) != 0)
        socket->is_broken = TRUE;
    if (socket->close_code != 0 && !socket->is_broken && !wslay_event_want_write(socket->wslay)) {
        wslay_event_queue_close(socket->wslay, (uint16_t)socket->close_code,
                                (const uint8_t *)socket->close_reason,
                                MIN(strlen(socket->close_reason), 123));
        socket->close_code = 0;
        write_some(socket);
    }
}

static void tell_drained(WebSocket *socket)
{
    if (socket->was_full && websocket_queued(socket) <= socket->queue_limit / 2) {
        socket->was_full = FALSE;
        if (socket->handlers.writable != NULL)
            socket->handlers.writable(socket, socket->data);
    }
    if (socket->drains && !socket->is_closed && !wslay_event_want_write(socket->wslay)) {
        socket->drains = FALSE;
        if (socket->handlers.drained != NULL)
            socket->handlers.drained(socket, socket->data);
    }
}

static void end(WebSocket *socket)
{
    guint code = socket->code;

    if (socket->is_closed)
        return;
    socket->is_closed = TRUE;
    if (code == 0 && !socket->is_broken && wslay_event_get_close_sent(socket->wslay))
        code = wslay_event_get_status_code_sent(socket->wslay);
    if (code == 0)
        code = WSLAY_CODE_ABNORMAL_CLOSURE;
    g_source_destroy(&socket->source);
    if (socket->handlers.closed != NULL)
        socket->handlers.closed(socket, code, socket->reason != NULL ? socket->reason : "",
                                socket->data);
}

/* The loop holds a reference meanwhile, so that a handler may free the websocket. */
static gboolean on_dispatch(GSource *source, GSourceFunc unused, gpointer data)
{
    WebSocket *socket = (WebSocket *)source;
    gint64 ready = g_source_get_ready_time(source);

    socket->turn = 0;
    socket->more = FALSE;
    socket->hung_up |= (happened(socket) & (G_IO_HUP | G_IO_ERR)) != 0;
    if (takes_input(socket) && wslay_event_want_read(socket->wslay) &&
        wslay_event_recv(socket->wslay) != 0)
        socket->is_broken = TRUE;
    write_some(socket);
    if (socket->is_closed)
        return G_SOURCE_REMOVE;
    /* Once the peer is gone, nobody takes what is left. */
    if (is_over(socket) || (socket->hung_up && !wslay_event_want_read(socket->wslay)) ||
        (ready >= 0 && ready <= g_get_monotonic_time())) {
        end(socket);
        return G_SOURCE_REMOVE;
    }
    tell_drained(socket);
    if (socket->is_closed)
        return G_SOURCE_REMOVE;
    update(socket);
    return G_SOURCE_CONTINUE;
}

static void on_finalize(GSource *source)
{
    WebSocket *socket = (WebSocket *)source;

    wslay_event_context_free(socket->wslay);
    stream_free(socket->stream);
    g_byte_array_unref(socket->message);
    g_free(socket->reason);
    g_free(socket->close_reason);
}

WebSocket *websocket_new(Stream *stream, gboolean is_client, GMainContext *context,
                         const WebSocketLimits *limits, const WebSocketHandlers *handlers,
                         void *data)
{
    static GSourceFuncs functions = {on_prepare, on_check, on_dispatch, on_finalize, NULL, NULL};
    static const struct wslay_event_callbacks callbacks = {on_read,  on_write, on_mask,   on_frame,
                                                           on_chunk, NULL,     on_message};
    WebSocket *socket = (WebSocket *)g_source_new(&functions, sizeof *socket);
    gsize longest = limits != NULL && limits->message != 0 ? limits->message : MESSAGE_LIMIT;

    socket->stream = stream;
    socket->handlers = *handlers;
    socket->data = data;
    socket->queue_limit = limits != NULL && limits->queue != 0 ? limits->queue : QUEUE_LIMIT;
    socket->message = g_byte_array_new();
    if ((is_client ? wslay_event_context_client_init
                   : wslay_event_context_server_init)(&socket->wslay, &callbacks, socket) != 0)
        g_error("out of memory");
    wslay_event_config_set_no_buffering(socket->wslay, 1);
    wslay_event_config_set_max_recv_msg_length(socket->wslay, MIN(longest, G_MAXINT32));
    socket->tag = g_source_add_unix_fd(&socket->source, stream_fd(stream), G_IO_IN);
    g_source_set_static_name(&socket->source, "websocket");
    g_source_attach(&socket->source, context);
    return socket;
}

void websocket_free(WebSocket *socket)
{
    if (socket == NULL)
        return;
    socket->is_closed = TRUE;
    g_source_destroy(&socket->source);
    g_source_unref(&socket->source);
}

static gboolean queue(WebSocket *socket, guint8 opcode, const void *bytes, gsize size)
{
    const struct wslay_event_msg message = {opcode, bytes, size};
    gboolean ok = !socket->is_closed && !socket->is_broken && socket->close_reason == NULL &&
                  wslay_event_queue_msg(socket->wslay, &message) == 0;

    socket->was_full |= websocket_is_full(socket);
    socket->drains |= ok;
    update(socket);
    return ok;
}

gboolean websocket_send(WebSocket *socket, gboolean is_text, const void *bytes, gsize size)
{
    return queue(socket, is_text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, bytes, size);
}

gboolean websocket_is_full(const WebSocket *socket)
{
    return websocket_queued(socket) >= socket->queue_limit;
}

gsize websocket_queued(const WebSocket *socket)
{
    return wslay_event_get_queued_msg_length(socket->wslay);
}

void websocket_ping(WebSocket *socket)
{
    queue(socket, WSLAY_PING, "", 0);
}

void websocket_close(WebSocket *socket, guint code, const char *reason)
{
    if (socket->is_closed || socket->close_reason != NULL)
        return;
    socket->close_code = code;
    socket->close_reason = g_strdup(reason);
    write_some(socket);
    /* What is queued before may take its time, but not for ever. */
    if (g_source_get_ready_time(&socket->source) < 0)
        g_source_set_ready_time(&socket->source, g_get_monotonic_time() + CLOSE_WAIT);
    update(socket);
}

void websocket_pause(WebSocket *socket, gboolean pause)
{
    socket->paused = pause;
    update(socket);
}
