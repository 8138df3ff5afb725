/* wait, events, waitready, shutdown: what has to do with time and the daemon. */
#include <string.h>
#include <unistd.h>

#include "backend_daemon.h"
#include "change.h"
#include "error.h"
#include "output.h"
#include "print.h"
#include "ready_wait.h"
#include "select.h"
#include "units.h"

#define LOOK_SECONDS 2 /* a look without any event: the host changes without one, too */
#define READY_MS 250   /* between two tries whether the daemon is there */
#define NO_END G_MAXINT64
#define CONDITION "condition="

/* When --timeout is over, in microseconds of the monotonic clock. */
static gboolean read_deadline(const Cli *cli, gint64 *ret, GError **error)
{
    g_autoptr(GError) local = NULL;
    gint64 seconds;

    *ret = NO_END;
    if (cli->args->timeout == NULL)
        return TRUE;
    if (!units_parse_duration(cli->args->timeout, &seconds, &local))
        return error_set(error, ERR_USAGE, "--timeout %s: %s", cli->args->timeout, local->message);
    *ret = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
    return TRUE;
}

/* ---- wait ---- */

/* Whether the host shows what is stored of the object. */
static gboolean converged(Cli *cli, const char *key, gboolean *ret, GError **error)
{
    g_autoptr(Proposal) proposal = change_plan(cli, "repair", json_pack("[s]", key),
                                               change_options(cli, NULL, TRUE), NULL, error);

    *ret = proposal != NULL && plan_shown_is_empty(proposal->shown);
    return proposal != NULL;
}

/* EN-35. It ends at once when that cannot come any more. */
static gboolean ready(Cli *cli, const char *key, gboolean *ret, GError **error)
{
    g_autoptr(GPtrArray) alone = g_ptr_array_new();
    g_autoptr(json_t) missing = NULL;
    gboolean never;

    g_ptr_array_add(alone, (gpointer)key);
    missing = ready_look(cli, alone, TRUE, &never, error);
    *ret = missing != NULL && json_object_size(missing) == 0;
    if (missing == NULL || !never)
        return missing != NULL;
    return error_set(error, ERR_NOT_READY, "%s %s", cli->words[0],
                     json_string_value(json_object_get(missing, key)));
}

static gboolean has_condition(Cli *cli, const char *key, const char *type, gboolean *ret,
                              GError **error)
{
    g_autoptr(json_t) all = backend_conditions(cli->backend, error);
    const json_t *condition;
    size_t i;

    *ret = FALSE;
    json_array_foreach (all, i, condition)
        *ret |= g_strcmp0(json_member_string(condition, "object"), key) == 0 &&
                g_ascii_strcasecmp(json_member_string(condition, "type"), type) == 0 &&
                json_is_true(json_object_get(condition, "status"));
    return all != NULL;
}

static gboolean is_so(Cli *cli, const char *what, gboolean *ret, GError **error)
{
    const Snapshot *model = backend_model(cli->backend, error);
    g_autofree char *key =
        model != NULL ? select_key(model, cli->words[0], cli_project(cli), error) : NULL;
    const Object *object = key != NULL ? snapshot_get(model, key) : NULL;

    *ret = FALSE;
    if (key == NULL)
        return FALSE;
    if (strcmp(what, "absent") == 0) {
        *ret = object == NULL;
        return TRUE;
    }
    /* One that is being made is not stored yet, and has conditions already. */
    if (g_str_has_prefix(what, CONDITION))
        return has_condition(cli, key, what + strlen(CONDITION), ret, error);
    if (object == NULL)
        return TRUE;
    if (strcmp(what, "ready") == 0)
        return ready(cli, key, ret, error);
    return converged(cli, key, ret, error);
}

gboolean command_wait(Cli *cli, GError **error)
{
    const char *what = cli->args->condition != NULL ? cli->args->condition : "ready";
    gint64 deadline;
    gboolean done = FALSE;

    if (strcmp(what, "ready") != 0 && strcmp(what, "converged") != 0 &&
        strcmp(what, "absent") != 0 &&
        !(g_str_has_prefix(what, CONDITION) && what[strlen(CONDITION)] != '\0'))
        return error_set(error, ERR_USAGE,
                         "--for %s: write ready, converged, absent or condition=NAME", what);
    if (!read_deadline(cli, &deadline, error) || !cli_open(cli, 0, error) ||
        !backend_watch(cli->backend, error))
        return FALSE;
    for (;;) {
        gint64 left = deadline - g_get_monotonic_time();

        if (!is_so(cli, what, &done, error))
            return FALSE;
        if (done)
            return TRUE;
        if (left <= 0)
            return error_set(error, ERR_NOT_READY, "%s: not %s within %s", cli->words[0], what,
                             cli->args->timeout);
        if (!cli_pause(cli, (guint)CLAMP(left / G_USEC_PER_SEC, 1, LOOK_SECONDS), error))
            return FALSE;
    }
}

/* ---- the daemon ---- */

static Client *daemon_client(Cli *cli, GError **error)
{
    g_autofree char *dir = cli_directory(cli);
    const char *remote;

    return cli_remote(cli, &remote, error) ? backend_client(remote, dir, error) : NULL;
}

gboolean command_waitready(Cli *cli, GError **error)
{
    g_autoptr(Client) client = daemon_client(cli, error);
    gint64 deadline;

    if (client == NULL || !read_deadline(cli, &deadline, error))
        return FALSE;
    for (;;) {
        g_autoptr(GError) local = NULL;
        g_autoptr(json_t) answer = client_ask(client, "GET", "/internal/ready", NULL, &local);

        if (answer != NULL)
            return TRUE;
        if (!g_error_matches(local, BERTH_ERROR, ERR_UNAVAILABLE)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        if (g_get_monotonic_time() >= deadline)
            return error_set(error, ERR_NOT_READY, "the daemon is not ready within %s",
                             cli->args->timeout);
        g_usleep(READY_MS * 1000);
    }
}

gboolean command_shutdown(Cli *cli, GError **error)
{
    g_autoptr(Client) client = daemon_client(cli, error);
    g_autoptr(json_t) answer = NULL;
    g_autoptr(GError) local = NULL;
    gint64 deadline;

    if (client == NULL || !read_deadline(cli, &deadline, error))
        return FALSE;
    if (deadline != NO_END) /* rounded up: who was not answered is past the deadline */
        client_set_timeout(client, (deadline - g_get_monotonic_time()) / 1000 + 1);
    answer = client_ask(client, "PUT",
                        cli->args->force ? "/internal/shutdown?force=1" : "/internal/shutdown",
                        NULL, &local);
    if (answer != NULL)
        return TRUE;
    if (deadline != NO_END && g_get_monotonic_time() >= deadline)
        return error_set(error, ERR_NOT_READY,
                         "the daemon has not ended within %s; it goes on with it",
                         cli->args->timeout);
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

/* ---- events ---- */

typedef struct {
    const Cli *cli;
    gboolean over;
} Listening;

static void print_event(const Cli *cli, const json_t *event)
{
    const json_t *metadata = json_object_get(event, "metadata");
    const char *time = json_member_string(event, "timestamp");
    const char *type = json_member_string(event, "type");
    const char *about = json_member_string(metadata, "source");
    const char *what = json_member_string(metadata, "action");

    if (cli_format_is(cli, "json")) {
        g_autofree char *text = json_text(event);

        output_printf("%s\n", text);
    } else if (cli_format_is(cli, "yaml")) {
        g_autofree char *text = print_yaml(event, 0);

        output_printf("---\n%s", text);
    } else {
        if (what == NULL) { /* an operation, or a line of the log */
            what = json_member_string(metadata, "status");
            about = json_member_string(metadata, "description");
        }
        if (what == NULL) {
            what = json_member_string(metadata, "level");
            about = json_member_string(metadata, "message");
        }
        output_printf("%s  %-9s  %s  %s\n", time != NULL ? time : "", type != NULL ? type : "",
                      what != NULL ? what : "", about != NULL ? about : "");
    }
}

static void on_event(WebSocket *socket, gboolean is_text, const void *bytes, gsize size, void *data)
{
    Listening *listening = data;
    g_autoptr(json_t) event = json_loadb(bytes, size, 0, NULL);

    if (event == NULL)
        return;
    print_event(listening->cli, event);
    listening->over |= !output_flush();
}

static void on_closed(WebSocket *socket, guint code, const char *reason, void *data)
{
    ((Listening *)data)->over = TRUE;
}

/* "?type=a,b&project=p", checked by the server. */
static char *events_target(const Cli *cli)
{
    g_autofree char *types =
        cli->args->types != NULL ? g_strjoinv(",", cli->args->types) : g_strdup("");
    g_autofree char *escaped = g_uri_escape_string(types, ",", FALSE);
    g_autofree char *project =
        cli->args->project != NULL ? g_uri_escape_string(cli->args->project, NULL, FALSE) : NULL;

    return g_strdup_printf("/1.0/events?%s%s&%s%s", *types != '\0' ? "type=" : "", escaped,
                           project != NULL ? "project=" : "all-projects=true",
                           project != NULL ? project : "");
}

gboolean command_events(Cli *cli, GError **error)
{
    static const WebSocketHandlers handlers = {.message = on_event, .closed = on_closed};
    g_autoptr(Client) client = daemon_client(cli, error);
    g_autofree char *target = events_target(cli);
    Listening listening = {.cli = cli};
    g_autoptr(WebSocket) events = NULL;
    Stream *stream = client != NULL ? client_websocket(client, target, error) : NULL;

    if (stream == NULL)
        return FALSE;
    events = websocket_new(stream, TRUE, NULL, NULL, &handlers, &listening);
    while (!listening.over)
        g_main_context_iteration(NULL, TRUE);
    return !output_flush() ||
           error_set(error, ERR_UNAVAILABLE, "%s closed the connection", client_url(client));
}
