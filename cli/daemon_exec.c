/* A program in an instance by way of the daemon (OPS-30..39): websockets for input, output and
 * control. */
#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "backend_daemon.h"
#include "error.h"
#include "file.h"

#define CHUNK (32u << 10)

enum { INPUT, OUTPUT, ERRORS, CONTROL, STREAMS };

static const char *const NAMES[STREAMS] = {"0", "1", "2", "control"};

typedef struct Running Running;

typedef struct {
    Running *running;
    guint which;
    WebSocket *socket; /* NULL: not there, or closed */
} Channel;

struct Running {
    Channel channels[STREAMS];
    gboolean terminal;
    guint awaited; /* outputs that have not ended; a bit each */
    guint input;   /* source that reads ours; 0: it is not read now */
    gboolean input_over;
};

static void read_input(Running *running);

static void stop_input(Running *running)
{
    if (running->input != 0)
        g_source_remove(running->input);
    running->input = 0;
}

/* ---- output ---- */

static void on_message(WebSocket *socket, gboolean is_text, const void *bytes, gsize size,
                       void *data)
{
    Channel *channel = data;
    Running *running = channel->running;

    if (is_text && size == 0)
        running->awaited &= ~(1u << channel->which);
    /* When nobody reads, the program goes on, as with a closed pipe of ours. */
    else if (channel->which == ERRORS)
        file_write_all(STDERR_FILENO, bytes, size);
    else if (channel->which != CONTROL)
        file_write_all(STDOUT_FILENO, bytes, size);
}

static void on_closed(WebSocket *socket, guint code, const char *reason, void *data)
{
    Channel *channel = data;

    if (channel->which == INPUT)
        stop_input(channel->running);
    channel->running->awaited &= ~(1u << channel->which);
    g_clear_pointer(&channel->socket, websocket_free);
}

static void on_writable(WebSocket *socket, void *data)
{
    Channel *channel = data;

    if (channel->which == INPUT)
        read_input(channel->running);
}

/* ---- input ---- */

static gboolean on_input(gint fd, GIOCondition condition, gpointer data)
{
    Running *running = data;
    WebSocket *socket = running->channels[INPUT].socket;
    char buffer[CHUNK];
    ssize_t got = read(fd, buffer, sizeof buffer);

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return G_SOURCE_CONTINUE;
    if (got > 0)
        websocket_send(socket, FALSE, buffer, (gsize)got);
    else
        websocket_send(socket, TRUE, "", 0);
    running->input_over = got <= 0;
    if (got > 0 && !websocket_is_full(socket))
        return G_SOURCE_CONTINUE;
    running->input = 0;
    return G_SOURCE_REMOVE;
}

static void read_input(Running *running)
{
    if (running->input == 0 && !running->input_over && running->channels[INPUT].socket != NULL)
        running->input = g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, running);
}

/* ---- control ---- */

static void send_control(Running *running, json_t *command)
{
    g_autoptr(json_t) owned = command;
    g_autofree char *text = json_text(owned);

    if (running->channels[CONTROL].socket != NULL)
        websocket_send(running->channels[CONTROL].socket, TRUE, text, strlen(text));
}

static gboolean window_size(guint *ret_width, guint *ret_height)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
        return FALSE;
    *ret_width = size.ws_col;
    *ret_height = size.ws_row;
    return size.ws_col > 0 && size.ws_row > 0;
}

static int self_pipe[2];

/* Not all of these are known to g_unix_signal_add. */
static void on_signal(int number)
{
    const guint8 byte = (guint8)number;
    int kept = errno;

    if (write(self_pipe[1], &byte, 1) < 0)
        errno = kept;
    errno = kept;
}

static gboolean on_signal_byte(gint fd, GIOCondition condition, gpointer data)
{
    Running *running = data;
    guint width, height;
    guint8 number;

    if (read(fd, &number, 1) != 1)
        return G_SOURCE_CONTINUE;
    if (number != SIGWINCH)
        send_control(running, json_pack("{s:s, s:i}", "command", "signal", "signal", (int)number));
    else if (running->terminal && window_size(&width, &height))
        send_control(running,
                     json_pack("{s:s, s:{s:o, s:o}}", "command", "window-resize", "args", "width",
                               json_sprintf("%u", width), "height", json_sprintf("%u", height)));
    return G_SOURCE_CONTINUE;
}

static guint forward_signals(Running *running, gboolean on)
{
    static const int numbers[] = {SIGWINCH, SIGINT,  SIGTERM, SIGHUP,
                                  SIGQUIT,  SIGUSR1, SIGUSR2, SIGCONT};
    struct sigaction action = {.sa_handler = on ? on_signal : SIG_DFL, .sa_flags = SA_RESTART};

    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        sigaction(numbers[i], &action, NULL);
    return on ? g_unix_fd_add(self_pipe[0], G_IO_IN, on_signal_byte, running) : 0;
}

/* ---- from start to end ---- */

static json_t *body_of(const Program *program)
{
    json_t *command = json_array();
    json_t *environment = json_object();
    const char *term = g_getenv("TERM");
    json_t *body = json_pack("{s:o, s:o, s:b, s:b, s:s*}", "command", command, "environment",
                             environment, "wait-for-websocket", TRUE, "interactive",
                             program->terminal, "cwd", program->cwd);
    guint width, height;

    for (guint i = 0; program->argv[i] != NULL; i++)
        json_array_append_new(command, json_string(program->argv[i]));
    if (program->terminal && term != NULL)
        json_object_set_new(environment, "TERM", json_string(term));
    for (guint i = 0; program->env != NULL && program->env[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(program->env[i], "=", 2);

        json_object_set_new(environment, parts[0], json_string(parts[1]));
    }
    if (program->terminal && window_size(&width, &height)) {
        json_object_set_new(body, "width", json_integer(width));
        json_object_set_new(body, "height", json_integer(height));
    }
    return body;
}

static gboolean connect_all(Remote *remote, Running *running, const char *id, const json_t *fds,
                            GError **error)
{
    static const WebSocketHandlers handlers = {
        .message = on_message, .closed = on_closed, .writable = on_writable};

    for (guint i = 0; i < STREAMS; i++) {
        const char *secret = json_member_string(fds, NAMES[i]);
        Channel *channel = &running->channels[i];
        g_autofree char *target = NULL;
        Stream *stream;

        *channel = (Channel){running, i, NULL};
        if (secret == NULL)
            continue;
        target = g_strdup_printf("/1.0/operations/%s/websocket?secret=%s", id, secret);
        stream = client_websocket(remote->client, target, error);
        if (stream == NULL)
            return FALSE;
        channel->socket = websocket_new(stream, TRUE, NULL, NULL, &handlers, channel);
    }
    return TRUE;
}

static void run(Running *running)
{
    struct termios before, raw;
    gboolean is_raw = FALSE;
    guint signals = 0;

    if (running->terminal && tcgetattr(STDIN_FILENO, &before) == 0) {
        raw = before;
        cfmakeraw(&raw);
        is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    }
    if (g_unix_open_pipe(self_pipe, FD_CLOEXEC, NULL))
        signals = forward_signals(running, TRUE);
    read_input(running);
    while (running->awaited != 0)
        g_main_context_iteration(NULL, TRUE);
    stop_input(running);
    if (signals != 0) {
        g_source_remove(signals);
        forward_signals(running, FALSE);
        close(self_pipe[0]);
        close(self_pipe[1]);
    }
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

static gboolean read_status(Remote *remote, const char *id, int *ret_status, GError **error)
{
    g_autofree char *path = g_strdup_printf("/1.0/operations/%s/wait", id);
    g_autoptr(json_t) operation = client_get(remote->client, path, error);
    const json_t *status = json_at(operation, "metadata/return");
    const char *failure = json_member_string(operation, "err");

    if (operation == NULL)
        return FALSE;
    if (!json_is_integer(status))
        return error_set(error, ERR_FAILED, "%s",
                         failure != NULL && *failure != '\0' ? failure
                                                             : "nobody knows how it ended");
    *ret_status = (int)json_integer_value(status);
    return TRUE;
}

gboolean daemon_exec(Backend *backend, const Object *object, const Program *program,
                     int *ret_status, GError **error)
{
    Remote *remote = (Remote *)backend;
    g_autofree char *name = g_uri_escape_string(object->id.name, NULL, FALSE);
    g_autofree char *project = g_uri_escape_string(object->id.project, NULL, FALSE);
    g_autofree char *path = g_strdup_printf("/1.0/instances/%s/exec?project=%s", name, project);
    g_autoptr(json_t) body = body_of(program);
    g_autoptr(json_t) answer = client_ask(remote->client, "POST", path, body, error);
    const char *id = json_string_at(answer, "metadata/id");
    Running running = {.terminal = program->terminal,
                       .awaited = program->terminal ? 1u << INPUT : 1u << OUTPUT | 1u << ERRORS};
    gboolean connected;

    if (answer == NULL)
        return FALSE;
    if (id == NULL)
        return error_set(error, ERR_FAILED, "%s names no operation", backend->place);
    connected = connect_all(remote, &running, id, json_at(answer, "metadata/metadata/fds"), error);
    if (connected)
        run(&running);
    for (guint i = 0; i < STREAMS; i++)
        websocket_free(running.channels[i].socket);
    return connected && read_status(remote, id, ret_status, error);
}
