#include "http/websocket.h"

#include <errno.h>
#include <string.h>
#include <wslay/wslay.h>

#include "error.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */
#define TURN (256u << 10)                           /* bytes read before others get their turn */
#define ANSWERS 4096 /* messages that may wait: who sends pings and reads no pongs has to wait */
#define PATIENCE_SECONDS 5 /* for the other end to take anything, once we want to end */

struct Websocket {
    Stream *stream;
    GMainContext *context;
    const WebsocketHandlers *handlers;
    void *data;
    wslay_event_context_ptr frames;
    GSource *source;
    gpointer tag;    /* of the stream's fd in the source */
    GSource *ending; /* of websocket_finish */
    gsize turn;      /* bytes that may still be read in this turn */
    WebsocketKind kind;
    gboolean control, first; /* of the message that comes */
    gboolean paused, hung_up, broken, told, drains, finishing, bye, moved;
    guint busy; /* calls of ours on the stack */
    gboolean freed;
};

typedef struct {
    GSource source;
    Websocket *socket;
} SocketSource;

/* ---- the handshake ---- */

static gboolean has_token(const Request *request, const char *header, const char *token)
{
    const char *value = request_header(request, header);
    g_auto(GStrv) words = g_strsplit(value != NULL ? value : "", ",", -1);

    for (guint i = 0; words[i] != NULL; i++) {
        if (g_ascii_strcasecmp(g_strstrip(words[i]), token) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean websocket_requested(const Request *request, GError **error)
{
    const char *key = request_header(request, "Sec-WebSocket-Key");
    g_autofree guchar *nonce = NULL;
    gsize length = 0;

    if (!has_token(request, "Connection", "upgrade") || !has_token(request, "Upgrade", "websocket"))
        return error_set(error, ERR_INVALID,
                         "this is a websocket: ask for an upgrade to websocket");
    if (g_strcmp0(request_header(request, "Sec-WebSocket-Version"), "13") != 0)
        return error_set(error, ERR_INVALID, "Sec-WebSocket-Version: 13 is needed");
    if (key != NULL)
        nonce = g_base64_decode(key, &length);
    return length == 16 ||
           error_set(error, ERR_INVALID, "Sec-WebSocket-Key: 16 bytes in base64 are needed");
}

typedef struct {
    GMainContext *context;
    WebsocketUpgraded upgraded;
    void *data;
    Stream *stream;
} Upgrade;

static gboolean deliver_stream(gpointer data)
{
    const Upgrade *upgrade = data;

    upgrade->upgraded(upgrade->stream, upgrade->data);
    return G_SOURCE_REMOVE;
}

/* In an HTTP thread. */
static void on_upgraded(Stream *stream, void *data)
{
    Upgrade *upgrade = data;
    GSource *source = g_idle_source_new();

    upgrade->stream = stream;
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, deliver_stream, upgrade, g_free);
    g_source_attach(source, upgrade->context);
    g_source_unref(source);
}

void websocket_upgrade(Request *request, GMainContext *context, WebsocketUpgraded upgraded,
                       void *data)
{
    g_autofree char *text = g_strconcat(request_header(request, "Sec-WebSocket-Key"), GUID, NULL);
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA1);
    Upgrade *upgrade = g_new0(Upgrade, 1);
    guint8 digest[20];
    gsize length = sizeof digest;
    g_autofree char *accept = NULL;

    g_checksum_update(checksum, (const guchar *)text, -1);
    g_checksum_get_digest(checksum, digest, &length);
    accept = g_base64_encode(digest, length);
    *upgrade = (Upgrade){context, upgraded, data, NULL};
    request_upgrade(request, "websocket",
                    (const char *const[]){"Sec-WebSocket-Accept", accept, NULL}, on_upgraded,
                    upgrade);
}

/* ---- frames, as wslay wants to have them carried ---- */

/* Whether more may be read now. */
static gboolean takes_input(const Websocket *socket)
{
    return !socket->paused && !socket->freed &&
           wslay_event_get_queued_msg_count(socket->frames) < ANSWERS;
}

static ssize_t on_read(wslay_event_context_ptr frames, uint8_t *buffer, size_t size, int flags,
                       void *data)
{
    Websocket *socket = data;
    gssize got;

    if (!takes_input(socket) || socket->turn == 0) {
        wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    got = stream_read(socket->stream, buffer, MIN(size, socket->turn));
    if (got <= 0) {
        gboolean later = got < 0 && errno == EAGAIN;

        wslay_event_set_error(frames, later ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    socket->turn -= (gsize)got;
    return got;
}

static ssize_t on_write(wslay_event_context_ptr frames, const uint8_t *bytes, size_t size,
                        int flags, void *data)
{
    Websocket *socket = data;
    gssize put = stream_write(socket->stream, bytes, size);

    if (put > 0) {
        socket->moved = TRUE;
        return put;
    }
    wslay_event_set_error(frames,
                          errno == EAGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void tell_piece(Websocket *socket, const void *bytes, gsize length, gboolean last)
{
    WebsocketPiece piece = {socket->kind, socket->first, last, bytes, length};

    socket->first = FALSE;
    if (!socket->freed && !socket->finishing && socket->handlers->piece != NULL)
        socket->handlers->piece(socket, &piece, socket->data);
}

static void on_frame(wslay_event_context_ptr frames,
                     const struct wslay_event_on_frame_recv_start_arg *frame, void *data)
{
    Websocket *socket = data;

    socket->control = wslay_is_ctrl_frame(frame->opcode);
    if (frame->opcode == WSLAY_TEXT_FRAME || frame->opcode == WSLAY_BINARY_FRAME) {
        socket->kind = frame->opcode == WSLAY_TEXT_FRAME ? WEBSOCKET_TEXT : WEBSOCKET_BINARY;
        socket->first = TRUE;
    }
}

static void on_chunk(wslay_event_context_ptr frames,
                     const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *data)
{
    Websocket *socket = data;

    if (!socket->control && chunk->data_length > 0)
        tell_piece(socket, chunk->data, chunk->data_length, FALSE);
}

static void on_message(wslay_event_context_ptr frames,
                       const struct wslay_event_on_msg_recv_arg *message, void *data)
{
    Websocket *socket = data;

    if (!wslay_is_ctrl_frame(message->opcode))
        tell_piece(socket, NULL, 0, TRUE);
    else if (message->opcode == WSLAY_PONG && !socket->freed && !socket->finishing &&
             socket->handlers->pong != NULL)
        socket->handlers->pong(socket, socket->data);
}

/* ---- the source: readable, writable, or something read already ---- */

static void set_events(Websocket *socket)
{
    GIOCondition events = 0;

    if (takes_input(socket) && (!socket->told || socket->finishing))
        events |= G_IO_IN;
    if (wslay_event_want_write(socket->frames))
        events |= G_IO_OUT;
    if (socket->broken || (socket->hung_up && socket->paused)) {
        /* A descriptor that is watched for nothing still wakes us for its end, again and again. */
        if (socket->tag != NULL)
            g_source_remove_unix_fd(socket->source, socket->tag);
        socket->tag = NULL;
    } else if (socket->tag == NULL) {
        socket->tag = g_source_add_unix_fd(socket->source, stream_fd(socket->stream), events);
    } else {
        g_source_modify_unix_fd(socket->source, socket->tag, events);
    }
}

static gboolean has_input(const Websocket *socket)
{
    return takes_input(socket) && !socket->broken && !socket->told &&
           stream_has_pending(socket->stream);
}

static GIOCondition happened(const Websocket *socket)
{
    return socket->tag != NULL ? g_source_query_unix_fd(socket->source, socket->tag) : 0;
}

static gboolean source_prepare(GSource *source, gint *timeout)
{
    *timeout = -1;
    return has_input(((SocketSource *)source)->socket);
}

static gboolean source_check(GSource *source)
{
    const Websocket *socket = ((SocketSource *)source)->socket;

    return happened(socket) != 0 || has_input(socket);
}

static void destroy(Websocket *socket)
{
    g_source_destroy(socket->source);
    g_source_unref(socket->source);
    if (socket->ending != NULL) {
        g_source_destroy(socket->ending);
        g_source_unref(socket->ending);
    }
    wslay_event_context_free(socket->frames);
    stream_free(socket->stream);
    g_free(socket);
}

/* Each function that may call a handler is between these two. */
static void enter(Websocket *socket)
{
    socket->busy++;
}

static void leave(Websocket *socket)
{
    if (--socket->busy > 0)
        return;
    if (socket->freed)
        destroy(socket);
    else
        set_events(socket);
}

static void write_some(Websocket *socket)
{
    if (!socket->broken && wslay_event_send(socket->frames) < 0)
        socket->broken = TRUE;
    /* wslay sends a close before messages that were queued earlier. */
    if (socket->finishing && !socket->bye && !socket->broken &&
        !wslay_event_want_write(socket->frames)) {
        socket->bye = TRUE;
        wslay_event_queue_close(socket->frames, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
        write_some(socket);
    }
}

/* Tells of what a turn has changed. */
static void tell(Websocket *socket)
{
    gboolean over = socket->broken || !wslay_event_get_read_enabled(socket->frames) ||
                    wslay_event_get_close_received(socket->frames);

    if (over && socket->finishing && (socket->broken || !wslay_event_want_write(socket->frames)))
        socket->freed = TRUE;
    if (socket->drains && !socket->freed && websocket_queued(socket) == 0) {
        socket->drains = FALSE;
        if (!socket->finishing && !over && socket->handlers->drained != NULL)
            socket->handlers->drained(socket, socket->data);
    }
    if (over && !socket->told && !socket->freed) {
        socket->told = TRUE;
        if (!socket->finishing && socket->handlers->closed != NULL)
            socket->handlers->closed(socket, socket->data);
    }
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    Websocket *socket = ((SocketSource *)source)->socket;

    enter(socket);
    socket->turn = TURN;
    socket->hung_up |= (happened(socket) & (G_IO_HUP | G_IO_ERR)) != 0;
    if (!socket->broken && wslay_event_recv(socket->frames) < 0)
        socket->broken = TRUE;
    if (!socket->freed)
        write_some(socket);
    /* Told of the end, the owner reads no more, and nobody takes what is left to write. */
    if (socket->hung_up && socket->told)
        socket->broken = TRUE;
    if (!socket->freed)
        tell(socket);
    leave(socket);
    return G_SOURCE_CONTINUE;
}

/* ---- for owners ---- */

Websocket *websocket_new(Stream *stream, GMainContext *context, const WebsocketHandlers *handlers,
                         void *data)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_read,
        .send_callback = on_write,
        .on_frame_recv_start_callback = on_frame,
        .on_frame_recv_chunk_callback = on_chunk,
        .on_msg_recv_callback = on_message,
    };
    static GSourceFuncs functions = {source_prepare, source_check, source_dispatch};
    Websocket *socket = g_new0(Websocket, 1);

    socket->stream = stream;
    socket->context = context;
    socket->handlers = handlers;
    socket->data = data;
    if (wslay_event_context_server_init(&socket->frames, &callbacks, socket) != 0)
        g_error("no memory for a websocket");
    wslay_event_config_set_no_buffering(socket->frames, 1);
    wslay_event_config_set_max_recv_msg_length(socket->frames, G_MAXINT64);
    socket->source = g_source_new(&functions, sizeof(SocketSource));
    ((SocketSource *)socket->source)->socket = socket;
    socket->tag = g_source_add_unix_fd(socket->source, stream_fd(stream), G_IO_IN);
    g_source_attach(socket->source, context);
    return socket;
}

void websocket_free(Websocket *socket)
{
    if (socket == NULL)
        return;
    enter(socket);
    write_some(socket);
    socket->freed = TRUE;
    leave(socket);
}

/* While anything is taken, there is time. */
static gboolean give_up(gpointer data)
{
    Websocket *socket = data;

    if (socket->moved) {
        socket->moved = FALSE;
        return G_SOURCE_CONTINUE;
    }
    enter(socket);
    socket->freed = TRUE;
    leave(socket);
    return G_SOURCE_REMOVE;
}

void websocket_finish(Websocket *socket)
{
    if (socket == NULL)
        return;
    enter(socket);
    socket->finishing = TRUE;
    socket->paused = FALSE;
    write_some(socket);
    socket->ending = g_timeout_source_new_seconds(PATIENCE_SECONDS);
    g_source_set_callback(socket->ending, give_up, socket, NULL);
    g_source_attach(socket->ending, socket->context);
    tell(socket);
    leave(socket);
}

static void queue(Websocket *socket, uint8_t opcode, const void *data, gsize length)
{
    struct wslay_event_msg message = {opcode, data, length};

    if (socket->told || socket->broken || wslay_event_queue_msg(socket->frames, &message) != 0)
        return;
    socket->drains = TRUE;
    set_events(socket);
}

void websocket_send(Websocket *socket, WebsocketKind kind, const void *data, gsize length)
{
    queue(socket, kind == WEBSOCKET_TEXT ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, data, length);
}

void websocket_ping(Websocket *socket)
{
    queue(socket, WSLAY_PING, NULL, 0);
}

gsize websocket_queued(const Websocket *socket)
{
    return wslay_event_want_write(socket->frames)
               ? MAX(wslay_event_get_queued_msg_length(socket->frames), 1)
               : 0;
}

void websocket_pause(Websocket *socket, gboolean paused)
{
    socket->paused = paused;
    set_events(socket);
}
