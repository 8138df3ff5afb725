#include "event_stream.h"

#include <string.h>

#include "answer.h"
#include "context.h"
#include "http/websocket.h"

#define TICK_SECONDS 5
#define PING_TICKS 2                 /* a ping every 10 s */
#define PINGS 3                      /* that may stay unanswered */
#define QUEUE (4u << 20)             /* bytes of events that a slow client may leave unread */
#define EARLY 4096                   /* events before the websocket is there */
#define BLOCKED (5 * G_USEC_PER_SEC) /* that a write may take */

/* Lives in the context. */
typedef struct {
    Daemon *daemon;
    guint types;
    char *project;
    guint number;     /* of the listener */
    GPtrArray *early; /* events that came before the websocket; NULL once it is there */
    WebSocket *socket;
    GSource *timer;
    guint ticks, unanswered;
    gint64 blocked; /* since when the queue has not been empty; 0: it is */
} EventStream;

static void stream_destroy(gpointer data)
{
    EventStream *stream = data;

    context_drop(&stream->timer);
    websocket_free(stream->socket);
    g_clear_pointer(&stream->early, g_ptr_array_unref);
    g_free(stream->project);
    g_free(stream);
}

/* Frees it. */
static void drop(EventStream *stream)
{
    events_unlisten(stream->daemon->events, stream->number);
}

static void on_event(const char *text, gsize length, void *data)
{
    EventStream *stream = data;

    if (stream->early != NULL) {
        if (stream->early->len < EARLY)
            g_ptr_array_add(stream->early, g_strndup(text, length));
        return;
    }
    if (websocket_is_full(stream->socket)) {
        drop(stream);
        return;
    }
    if (stream->blocked == 0)
        stream->blocked = g_get_monotonic_time();
    websocket_send(stream->socket, TRUE, text, length);
}

/* Listeners say nothing that we want to know. */
static void on_message(WebSocket *socket, gboolean is_text, const void *bytes, gsize size,
                       void *data)
{
}

static void on_drained(WebSocket *socket, void *data)
{
    ((EventStream *)data)->blocked = 0;
}

static void on_pong(WebSocket *socket, void *data)
{
    ((EventStream *)data)->unanswered = 0;
}

static void on_closed(WebSocket *socket, guint code, const char *reason, void *data)
{
    drop(data);
}

/* EV-07 */
static gboolean on_tick(gpointer data)
{
    EventStream *stream = data;

    if (stream->unanswered >= PINGS ||
        (stream->blocked != 0 && g_get_monotonic_time() - stream->blocked > BLOCKED)) {
        drop(stream);
        return G_SOURCE_REMOVE;
    }
    if (++stream->ticks % PING_TICKS == 0) {
        stream->unanswered++;
        websocket_ping(stream->socket);
    }
    return G_SOURCE_CONTINUE;
}

static void on_upgraded(Stream *connection, void *data)
{
    static const WebSocketHandlers handlers = {
        .message = on_message, .closed = on_closed, .drained = on_drained, .pong = on_pong};
    const WebSocketLimits limits = {.message = 64u << 10, .queue = QUEUE};
    EventStream *stream = data;
    g_autoptr(GPtrArray) early = NULL;

    if (connection == NULL) {
        drop(stream);
        return;
    }
    early = g_steal_pointer(&stream->early);
    stream->socket =
        websocket_new(connection, FALSE, stream->daemon->context, &limits, &handlers, stream);
    stream->timer = g_timeout_source_new_seconds(TICK_SECONDS);
    g_source_set_callback(stream->timer, on_tick, stream, NULL);
    g_source_attach(stream->timer, stream->daemon->context);
    for (guint i = 0; i < early->len; i++)
        websocket_send(stream->socket, TRUE, early->pdata[i], strlen(early->pdata[i]));
}

typedef struct {
    EventStream *stream;
    Request *request;
} Start;

/* In the context, and before the answer: a client that has it misses nothing. */
static void listen_and_answer(void *data)
{
    g_autofree Start *start = data;
    g_autoptr(Request) request = start->request;
    EventStream *stream = start->stream;
    g_autoptr(GError) error = NULL;

    stream->number = events_listen(stream->daemon->events, stream->types, stream->project, on_event,
                                   stream, stream_destroy);
    if (!context_upgrade(stream->daemon, request, on_upgraded, stream, &error)) {
        answer_error(request, error);
        drop(stream);
    }
}

void event_stream_start(Call *call, guint types, const char *project)
{
    EventStream *stream = g_new0(EventStream, 1);
    Start *start = g_new0(Start, 1);

    stream->daemon = call->daemon;
    stream->types = types;
    stream->project = g_strdup(project);
    stream->early = g_ptr_array_new_with_free_func(g_free);
    *start = (Start){stream, request_ref(call->request)};
    context_call(call->daemon, listen_and_answer, start);
}
