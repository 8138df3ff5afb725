/* Commands in instances (OPS-30..48). */
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "answer.h"
#include "dry_run.h"
#include "error.h"
#include "exec_session.h"
#include "file.h"
#include "instance/exec.h"
#include "instance/logs.h"
#include "session.h"

/* ---- what is asked ---- */

static char **read_command(const json_t *list, GError **error)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    const json_t *word;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) == 0) {
        error_set(error, ERR_INVALID, "command: a list with a program and its arguments is needed");
        return NULL;
    }
    json_array_foreach (list, i, word) {
        if (!json_is_string(word)) {
            error_set(error, ERR_INVALID, "command: item %zu is no string", i + 1);
            return NULL;
        }
        g_strv_builder_add(words, json_string_value(word));
    }
    return g_strv_builder_end(words);
}

static char **read_environment(const json_t *values, GError **error)
{
    g_autoptr(GStrvBuilder) list = g_strv_builder_new();
    const char *name;
    json_t *value;

    if (values != NULL && !json_is_object(values) && !json_is_null(values)) {
        error_set(error, ERR_INVALID, "environment: an object of names and values is needed");
        return NULL;
    }
    json_object_foreach ((json_t *)values, name, value) {
        g_autofree char *text = NULL;

        if (!json_is_string(value)) {
            error_set(error, ERR_INVALID, "environment: the value of %s is no string", name);
            return NULL;
        }
        text = g_strconcat(name, "=", json_string_value(value), NULL);
        g_strv_builder_add(list, text);
    }
    return g_strv_builder_end(list);
}

static gboolean in_range(const char *name, json_int_t value, json_int_t max, GError **error)
{
    return (value >= 0 && value <= max) ||
           error_set(error, ERR_INVALID, "%s: a number from 0 to %" JSON_INTEGER_FORMAT, name, max);
}

static ExecWish *read_wish(const json_t *body, GError **error)
{
    g_autoptr(ExecWish) wish = g_new0(ExecWish, 1);
    const json_t *command, *environment = NULL;
    int websockets = 0, interactive = 0, record = 0;
    json_int_t width = 0, height = 0, uid = 0, gid = 0;
    const char *cwd = NULL;
    json_error_t problem;

    if (json_unpack_ex((json_t *)body, &problem, 0,
                       "{s:o, s?o, s?b, s?b, s?b, s?I, s?I, s?I, s?I, s?s !}", "command", &command,
                       "environment", &environment, "wait-for-websocket", &websockets,
                       "interactive", &interactive, "record-output", &record, "width", &width,
                       "height", &height, "user", &uid, "group", &gid, "cwd", &cwd) != 0) {
        error_set(error, ERR_INVALID, "%s", problem.text);
        return NULL;
    }
    wish->websockets = websockets;
    wish->interactive = interactive;
    wish->record = record;
    if (record && websockets)
        error_set(error, ERR_INVALID, "record-output: only without wait-for-websocket");
    else if (interactive && !websockets)
        error_set(error, ERR_INVALID, "interactive: only with wait-for-websocket");
    else if (in_range("width", width, G_MAXUINT16, error) &&
             in_range("height", height, G_MAXUINT16, error) &&
             in_range("user", uid, G_MAXUINT32 - 1, error) &&
             in_range("group", gid, G_MAXUINT32 - 1, error) &&
             (wish->command = read_command(command, error)) != NULL &&
             (wish->env = read_environment(environment, error)) != NULL) {
        wish->width = (guint)width;
        wish->height = (guint)height;
        wish->uid = (guint32)uid;
        wish->gid = (guint32)gid;
        wish->cwd = g_strdup(cwd);
        return g_steal_pointer(&wish);
    }
    return NULL;
}

/* ---- without websockets ---- */

typedef struct {
    Daemon *daemon;
    Snapshot *model;
    const Object *object;
    ExecWish *wish;
    char *urls[2]; /* of recorded output */
} Run;

static void run_free(gpointer data)
{
    Run *run = data;

    snapshot_unref(run->model);
    exec_wish_free(run->wish);
    g_free(run->urls[0]);
    g_free(run->urls[1]);
    g_free(run);
}

static int open_output(const Run *run, Operation *operation, const char *stream, GError **error)
{
    int fd;

    if (run->wish->record)
        return logs_create_output(run->daemon->host, run->object, operation_id(operation), stream,
                                  error);
    fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        error_errno(error, errno, "open /dev/null");
    return fd;
}

/* A client that cancels, and a daemon that goes, end the command. */
static gboolean wait_for_end(const Run *run, Operation *operation, const Exec *exec, GError **error)
{
    struct pollfd end = {.fd = exec_fd(exec), .events = POLLIN};

    while (poll(&end, 1, 200) <= 0) {
        if (g_atomic_int_get(operation_cancel_flag(operation)) != 0 ||
            g_atomic_int_get(&run->daemon->phase) == DAEMON_STOPPING)
            return error_set(error, ERR_INTERRUPTED, "the command was ended");
    }
    return TRUE;
}

static gboolean run_command(Operation *operation, void *data, GError **error)
{
    const Run *run = data;
    const ExecWish *wish = run->wish;
    g_auto(Fd) in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    g_auto(Fd) out = open_output(run, operation, "stdout", error);
    g_auto(Fd) err = out >= 0 ? open_output(run, operation, "stderr", error) : -1;
    ExecOptions options = {.env = (const char *const *)wish->env,
                           .cwd = wish->cwd,
                           .uid = wish->uid,
                           .gid = wish->gid,
                           .in = in,
                           .out = out,
                           .err = err};
    g_autoptr(Exec) exec = NULL;
    int status;

    if (err < 0)
        return FALSE;
    exec = exec_start(run->daemon->host, run->object, (const char *const *)wish->command, &options,
                      error);
    if (exec == NULL || !wait_for_end(run, operation, exec, error) ||
        !exec_finish(exec, &status, error))
        return FALSE;
    operation_set_metadata(operation,
                           wish->record ? json_pack("{s:i, s:{s:s, s:s}}", "return", status,
                                                    "output", "1", run->urls[0], "2", run->urls[1])
                                        : json_pack("{s:i}", "return", status));
    return TRUE;
}

static char *output_url(Call *call, const Object *object, Operation *operation, const char *stream)
{
    g_autofree char *path = g_strdup_printf("instances/%s/logs/exec_%s.%s", object->id.name,
                                            operation_id(operation), stream);

    return call_url(call, path);
}

static void start_run(Call *call, Operation *operation, const Object *object, ExecWish *wish)
{
    Run *run = g_new0(Run, 1);

    run->daemon = call->daemon;
    run->model = snapshot_ref(call->model);
    run->object = object;
    run->wish = wish;
    run->urls[0] = output_url(call, object, operation, "stdout");
    run->urls[1] = output_url(call, object, operation, "stderr");
    operation_may_cancel(operation, NULL, NULL);
    call_start(call, operation, run_command, run, run_free);
}

/* ---- */

static gboolean start(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_autoptr(json_t) body = object != NULL ? call_body(call, error) : NULL;
    g_autoptr(ExecWish) wish = body != NULL ? read_wish(body, error) : NULL;
    g_autoptr(Operation) operation = NULL;
    json_t *command, *environment;

    if (wish == NULL || !session_running(call, object, error))
        return FALSE;
    if (call_is_dry_run(call))
        return dry_run_would(call, error, "%s would be run in instance %s", wish->command[0],
                             object->id.name);
    command = json_incref(json_object_get(body, "command"));
    environment = json_object_get(body, "environment");
    operation = session_operation(
        call, object, wish->websockets ? OPERATION_WEBSOCKET : OPERATION_TASK, "Executing command");
    operation_set_metadata(operation,
                           json_pack("{s:O, s:O?, s:b}", "command", command, "environment",
                                     environment, "interactive", wish->interactive));
    session_tell(call, object, "instance-exec", NULL, json_pack("{s:o}", "command", command));
    if (wish->websockets) {
        exec_session_new(call, operation, object, g_steal_pointer(&wish));
        session_begin(call, operation);
    } else {
        start_run(call, g_steal_pointer(&operation), object, g_steal_pointer(&wish));
    }
    return TRUE;
}

const Route ROUTES_EXEC[] = {
    {"POST", "instances/*/exec", ACCESS_PROJECT, ROUTE_DRY, start},
    {0},
};
