#include "console_session.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "context.h"
#include "control.h"
#include "error.h"
#include "instance/console.h"
#include "relay.h"

#define CONNECT_SECONDS 5

/* Lives in the context; only `attach` runs in a thread. */
typedef struct {
    Daemon *daemon;
    Operation *operation;
    Snapshot *model; /* keeps the object */
    const Object *object;
    guint width, height;
    Stream *data, *commands; /* connected, but not used yet */
    GSource *deadline;
    int terminal, hold; /* -1: not attached */
    GError *failure;
    Relay *relay;
    Control *control;
} Session;

static void finish(Session *session, const GError *failure)
{
    operation_on_connect(session->operation, NULL, NULL);
    operation_finish(session->operation, failure);
    context_drop(&session->deadline);
    stream_free(session->data);
    stream_free(session->commands);
    relay_free(session->relay);
    control_free(session->control);
    if (session->terminal >= 0) {
        close(session->terminal);
        close(session->hold);
    }
    g_clear_error(&session->failure);
    operation_unref(session->operation);
    snapshot_unref(session->model);
    g_free(session);
}

static void on_sent(Relay *relay, void *data)
{
    finish(data, NULL);
}

static void on_gone(Relay *relay, gboolean farewell, void *data)
{
    finish(data, NULL);
}

static void on_command(Control *control, const json_t *message, void *data)
{
    const Session *session = data;
    guint width, height;

    if (control_window(message, &width, &height)) {
        struct winsize size = {.ws_col = (unsigned short)width, .ws_row = (unsigned short)height};

        ioctl(session->terminal, TIOCSWINSZ, &size);
    }
}

static void on_control_gone(Control *control, gboolean farewell, void *data)
{
    finish(data, NULL);
}

static void attach(void *data)
{
    Session *session = data;

    session->terminal = console_attach(session->daemon->host, session->object, session->width,
                                       session->height, &session->hold, &session->failure);
}

static void attached(void *data)
{
    static const RelayHandlers of_relay = {on_sent, on_gone};
    static const ControlHandlers of_control = {on_command, on_control_gone};
    Session *session = data;
    GMainContext *context = session->daemon->context;

    if (session->terminal < 0) {
        finish(session, session->failure);
        return;
    }
    session->relay = relay_new(g_steal_pointer(&session->data), context,
                               fcntl(session->terminal, F_DUPFD_CLOEXEC, 3),
                               fcntl(session->terminal, F_DUPFD_CLOEXEC, 3), &of_relay, session);
    session->control =
        control_new(g_steal_pointer(&session->commands), context, &of_control, session);
}

static gboolean on_deadline(gpointer data)
{
    g_autoptr(GError) error = NULL;

    error_set(&error, ERR_FAILED, "Timed out waiting for websockets to connect");
    finish(data, error);
    return G_SOURCE_REMOVE;
}

static void on_connect(Operation *operation, const char *name, Stream *stream, void *data)
{
    Session *session = data;

    *(strcmp(name, "0") == 0 ? &session->data : &session->commands) = stream;
    if (session->data == NULL || session->commands == NULL)
        return;
    context_drop(&session->deadline);
    context_background(session->daemon, attach, attached, session);
}

void console_session_new(Call *call, Operation *operation, const Object *object, guint width,
                         guint height)
{
    Session *session = g_new0(Session, 1);

    session->daemon = call->daemon;
    session->operation = operation_ref(operation);
    session->model = snapshot_ref(call->model);
    session->object = object;
    session->width = width;
    session->height = height;
    session->terminal = session->hold = -1;
    operation_add_stream(operation, "0");
    operation_add_stream(operation, "control");
    operation_on_connect(operation, on_connect, session);
    session->deadline = g_timeout_source_new_seconds(CONNECT_SECONDS);
    g_source_set_callback(session->deadline, on_deadline, session, NULL);
    g_source_attach(session->deadline, call->daemon->context);
}
