#include "exec_session.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "alarm.h"
#include "context.h"
#include "control.h"
#include "error.h"
#include "file.h"
#include "instance/exec.h"
#include "moment.h"
#include "relay.h"

#define CONNECT_SECONDS 5
#define LOAD_US 5000   /* the client gets the end of its command first */
#define KEEP_SECONDS 2 /* between two commands of a script */

enum { CONTROL = 3, STREAMS = 4 };
static const char *const NAMES[STREAMS] = {"0", "1", "2", "control"};

/* Lives in the context from the operation's begin on; only `begin_command` runs in a thread. */
typedef struct {
    Daemon *daemon;
    Operation *operation;
    Snapshot *model; /* keeps the object */
    const Object *object;
    ExecWish *wish;
    Stream *waiting[STREAMS]; /* connected before the command runs */
    GSource *deadline;        /* for the client to connect */
    gboolean ready;           /* the thread is done: `exec` or `failure` is set */
    gboolean late;            /* the deadline passed before */
    gboolean runs;
    Exec *exec;
    GError *failure; /* why it could not start */
    int ours[3];     /* our ends of the pipes */
    Relay *relays[3];
    Control *control;
    GSource *end; /* of the command */
    guint unsent; /* outputs that the client does not have whole; a bit each */
    int status;
    gboolean over; /* the command is */
} Session;

void exec_wish_free(ExecWish *wish)
{
    if (wish == NULL)
        return;
    g_strfreev(wish->command);
    g_strfreev(wish->env);
    g_free(wish->cwd);
    g_free(wish);
}

static gboolean has_stream(const Session *session, guint i)
{
    return !session->wish->interactive || i == 0 || i == CONTROL;
}

/* ---- the end ---- */

static void session_free(Session *session)
{
    operation_on_connect(session->operation, NULL, NULL);
    alarm_follow(session->daemon->commands);
    context_drop(&session->deadline);
    context_drop(&session->end);
    for (guint i = 0; i < STREAMS; i++)
        stream_free(session->waiting[i]);
    for (guint i = 0; i < 3; i++) {
        relay_free(session->relays[i]);
        if (session->ours[i] >= 0)
            close(session->ours[i]);
    }
    control_free(session->control);
    exec_free(session->exec);
    g_clear_error(&session->failure);
    exec_wish_free(session->wish);
    operation_unref(session->operation);
    snapshot_unref(session->model);
    g_free(session);
}

static void fail(Session *session, const GError *failure)
{
    operation_finish(session->operation, failure);
    session_free(session);
}

/* The operation is over when the command is, and the client has what it wrote. */
static void check_end(Session *session)
{
    if (!session->over || session->unsent != 0)
        return;
    operation_set_metadata(session->operation, json_pack("{s:i}", "return", session->status));
    operation_finish(session->operation, NULL);
    session_free(session);
}

static void kill_command(Session *session)
{
    g_autoptr(GError) error = NULL;

    if (!session->over && !exec_signal(session->exec, SIGKILL, &error))
        g_warning("kill a command whose client is gone: %s", error->message);
}

static gboolean on_end(gint fd, GIOCondition condition, gpointer data)
{
    Session *session = data;
    g_autoptr(GError) error = NULL;

    if (!exec_finish(session->exec, &session->status, &error)) {
        fail(session, error);
        return G_SOURCE_REMOVE;
    }
    context_drop(&session->end);
    session->over = TRUE;
    if (session->wish->interactive)
        relay_drain(session->relays[0]);
    check_end(session);
    return G_SOURCE_REMOVE;
}

/* ---- streams of a command that runs ---- */

static guint index_of(const Session *session, const Relay *relay)
{
    guint i = 0;

    while (session->relays[i] != relay)
        i++;
    return i;
}

static void on_sent(Relay *relay, void *data)
{
    Session *session = data;

    session->unsent &= ~(1u << index_of(session, relay));
    check_end(session);
}

/* OPS-37 */
static void on_gone(Relay *relay, gboolean farewell, void *data)
{
    Session *session = data;
    guint bit = 1u << index_of(session, relay);
    gboolean main_output = bit == (session->wish->interactive ? 1u << 0 : 1u << 1);

    if (main_output && (session->unsent & bit) != 0 && session->control == NULL)
        kill_command(session);
    session->unsent &= ~bit;
    check_end(session);
}

static void on_command(Control *control, const json_t *message, void *data)
{
    Session *session = data;
    struct pollfd helper = {.fd = exec_fd(session->exec), .events = POLLOUT};
    guint width, height;

    if (session->over)
        return;
    if (control_window(message, &width, &height)) {
        if (session->wish->interactive)
            exec_resize(session->exec, width, height, NULL);
    } else if (g_strcmp0(json_string_value(json_object_get(message, "command")), "signal") == 0 &&
               poll(&helper, 1, 0) == 1 && (helper.revents & POLLOUT) != 0) {
        /* A helper that is not ready would make everybody wait. */
        exec_signal(session->exec, (int)json_integer_value(json_object_get(message, "signal")),
                    NULL);
    }
}

/* With a farewell the client only stops to send commands. */
static void on_control_gone(Control *control, gboolean farewell, void *data)
{
    Session *session = data;

    control_free(session->control);
    session->control = NULL;
    if (!farewell)
        kill_command(session);
}

static void connect_stream(Session *session, guint i)
{
    static const RelayHandlers of_relay = {on_sent, on_gone};
    static const ControlHandlers of_control = {on_command, on_control_gone};
    GMainContext *context = session->daemon->context;
    Stream *stream = g_steal_pointer(&session->waiting[i]);
    int terminal = exec_terminal(session->exec);

    if (i == CONTROL)
        session->control = control_new(stream, context, &of_control, session);
    else if (session->wish->interactive)
        session->relays[i] = relay_new(stream, context, fcntl(terminal, F_DUPFD_CLOEXEC, 3),
                                       fcntl(terminal, F_DUPFD_CLOEXEC, 3), &of_relay, session);
    else if (i == 0)
        session->relays[i] =
            relay_new(stream, context, -1, fd_steal(&session->ours[i]), &of_relay, session);
    else
        session->relays[i] =
            relay_new(stream, context, fd_steal(&session->ours[i]), -1, &of_relay, session);
}

/* ---- the start ---- */

/* Three pipes; `theirs` are the ends of the command. */
static gboolean make_pipes(Session *session, int theirs[3], GError **error)
{
    for (guint i = 0; i < 3; i++) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
            return error_errno(error, errno, "make pipes for the command");
        theirs[i] = ends[i == 0 ? 0 : 1];
        session->ours[i] = ends[i == 0 ? 1 : 0];
    }
    return TRUE;
}

/* In a thread, while the client connects: all but the first instruction of the program. */
static void prepare_command(void *data)
{
    Session *session = data;
    const ExecWish *wish = session->wish;
    int theirs[3] = {-1, -1, -1};
    ExecOptions options = {.env = (const char *const *)wish->env,
                           .cwd = wish->cwd,
                           .uid = wish->uid,
                           .gid = wish->gid,
                           .terminal = wish->interactive,
                           .width = wish->width,
                           .height = wish->height,
                           .gated = TRUE};

    if (wish->interactive || make_pipes(session, theirs, &session->failure)) {
        options.in = theirs[0];
        options.out = theirs[1];
        options.err = theirs[2];
        session->exec = exec_start(session->daemon->host, session->object,
                                   (const char *const *)wish->command, &options, &session->failure);
    }
    for (guint i = 0; i < 3; i++) {
        if (theirs[i] >= 0)
            close(theirs[i]);
    }
}

static void run_command(Session *session)
{
    g_autoptr(GError) error = NULL;

    if (session->exec == NULL || !exec_go(session->exec, &error)) {
        fail(session, session->exec == NULL ? session->failure : error);
        return;
    }
    session->runs = TRUE;
    session->end = g_unix_fd_source_new(exec_fd(session->exec), G_IO_IN);
    g_source_set_callback(session->end, G_SOURCE_FUNC(on_end), session, NULL);
    g_source_attach(session->end, session->daemon->context);
    session->unsent = session->wish->interactive ? 1u << 0 : 1u << 1 | 1u << 2;
    for (guint i = 0; i < STREAMS; i++) {
        if (session->waiting[i] != NULL)
            connect_stream(session, i);
    }
}

/* The control stream is not needed without a terminal (OPS-35). */
static gboolean is_complete(const Session *session)
{
    for (guint i = 0; i < STREAMS; i++) {
        if (has_stream(session, i) && session->waiting[i] == NULL &&
            (i != CONTROL || session->wish->interactive))
            return FALSE;
    }
    return TRUE;
}

/* Whatever came last, the command or the client. */
static void proceed(Session *session)
{
    g_autoptr(GError) error = NULL;

    if (!session->ready)
        return;
    if (session->late) {
        error_set(&error, ERR_FAILED, "Timed out waiting for websockets to connect");
        fail(session, error);
    } else if (is_complete(session)) {
        run_command(session);
    }
}

static void on_prepared(void *data)
{
    Session *session = data;

    session->ready = TRUE;
    proceed(session);
}

static gboolean on_deadline(gpointer data)
{
    Session *session = data;

    context_drop(&session->deadline);
    session->late = TRUE;
    proceed(session);
    return G_SOURCE_REMOVE;
}

static void on_connect(Operation *operation, const char *name, Stream *stream, void *data)
{
    Session *session = data;
    guint i = 0;

    while (strcmp(NAMES[i], name) != 0)
        i++;
    session->waiting[i] = stream;
    if (session->runs) {
        connect_stream(session, i);
    } else if (is_complete(session)) {
        context_drop(&session->deadline);
        proceed(session);
    }
}

void exec_session_new(Call *call, Operation *operation, const Object *object, ExecWish *wish)
{
    Session *session = g_new0(Session, 1);

    session->daemon = call->daemon;
    session->operation = operation_ref(operation);
    session->model = snapshot_ref(call->model);
    session->object = object;
    session->wish = wish;
    for (guint i = 0; i < 3; i++)
        session->ours[i] = -1;
    for (guint i = 0; i < STREAMS; i++) {
        if (has_stream(session, i))
            operation_add_stream(operation, NAMES[i]);
    }
    operation_on_connect(operation, on_connect, session);
    session->deadline = g_timeout_source_new_seconds(CONNECT_SECONDS);
    g_source_set_callback(session->deadline, on_deadline, session, NULL);
    g_source_attach(session->deadline, call->daemon->context);
    context_background(session->daemon, prepare_command, on_prepared, session);
}

/* ---- between commands ---- */

static gint64 look(void *data, gboolean on_time)
{
    if (on_time) {
        exec_ahead(FALSE);
        return 0;
    }
    g_usleep(LOAD_US);
    exec_ahead(TRUE);
    return moment_now() + KEEP_SECONDS;
}

Alarm *commands_new(Daemon *daemon)
{
    return alarm_new(daemon, look, NULL);
}
