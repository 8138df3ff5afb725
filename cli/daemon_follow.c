/* An operation of the daemon, from the request that begins it to its end: followed by its events,
 * cancelled by Ctrl-C. */
#include <glib-unix.h>
#include <signal.h>
#include <string.h>

#include "backend_daemon.h"
#include "error.h"
#include "output.h"
#include "store.h"

#define FINAL 200
#define CANCELLED 401

/* One operation under way. */
typedef struct {
    Remote *remote;
    const ApplyOptions *options; /* for progress; may be NULL */
    char *id;                    /* of the operation */
    json_t *final;               /* the operation, once it is over */
    guint signals;               /* that came */
    int number;                  /* of the first */
    gboolean lost;               /* the connection of events is */
} Following;

static guint64 number_at(const json_t *list, size_t i)
{
    return (guint64)json_integer_value(json_array_get(list, i));
}

/* As on_step of api/routes_apply.c writes it. */
static void tell_step(const Following *following, const json_t *told)
{
    const char *words[3];
    ProgressCount count = {(guint)number_at(told, 4), (guint)number_at(told, 5), number_at(told, 6),
                           number_at(told, 7)};
    Step step = {0};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        words[i] = json_string_value(json_array_get(told, i));
        if (words[i] == NULL)
            return;
    }
    step = (Step){.key = (char *)words[0], .name = (char *)words[1], .path = (char *)words[2]};
    following->options->progress(following->options->progress_data, &step,
                                 (StepState)number_at(told, 3), &count);
}

/* As on_fetch of api/routes_apply.c writes it. */
static void tell_fetch(const Following *following, const json_t *told)
{
    const char *key = json_string_value(json_array_get(told, 0));
    const char *part = json_string_value(json_array_get(told, 1));
    g_autoptr(json_t) empty = json_pack("{s:{}}", "spec");
    g_autoptr(Object) object = key != NULL ? store_object_from_json(key, empty) : NULL;

    if (object != NULL && part != NULL)
        following->options->fetching(following->options->progress_data, object, part,
                                     number_at(told, 2), number_at(told, 3), number_at(told, 4));
}

static void on_message(WebSocket *socket, gboolean is_text, const void *bytes, gsize size,
                       void *data)
{
    Following *following = data;
    g_autoptr(json_t) event = json_loadb(bytes, size, 0, NULL);
    json_t *operation = json_object_get(event, "metadata");
    const json_t *told;
    size_t i;

    if (g_strcmp0(json_member_string(operation, "id"), following->id) != 0 ||
        following->final != NULL)
        return;
    if (following->options != NULL && following->options->progress != NULL)
        json_array_foreach (json_at(operation, "metadata/steps"), i, told)
            tell_step(following, told);
    told = json_at(operation, "metadata/fetch");
    if (json_is_array(told) && following->options != NULL && following->options->fetching != NULL)
        tell_fetch(following, told);
    if (json_integer_value(json_object_get(operation, "status_code")) >= FINAL)
        following->final = json_incref(operation);
}

static void on_closed(WebSocket *socket, guint code, const char *reason, void *data)
{
    ((Following *)data)->lost = TRUE;
}

static gboolean on_signal(Following *following, int number)
{
    g_autofree char *path = g_strconcat("/1.0/operations/", following->id, NULL);
    g_autoptr(json_t) answer = NULL;

    if (following->signals++ > 0)
        return G_SOURCE_CONTINUE;
    following->number = number;
    message_warning("interrupted; the daemon undoes what was done (again: leave it to that)");
    /* One that is over, or past its commit, cannot be cancelled: its end is told either way. */
    answer = client_ask(following->remote->client, "DELETE", path, NULL, NULL);
    return G_SOURCE_CONTINUE;
}

static gboolean on_interrupt(gpointer data)
{
    return on_signal(data, SIGINT);
}

static gboolean on_terminate(gpointer data)
{
    return on_signal(data, SIGTERM);
}

static gboolean on_hangup(gpointer data)
{
    return on_signal(data, SIGHUP);
}

/* What the caller ignores stays ignored (nohup). */
static guint watch_signal(int number, GSourceFunc function, Following *following)
{
    struct sigaction present;

    return sigaction(number, NULL, &present) == 0 && present.sa_handler != SIG_IGN
               ? g_unix_signal_add(number, function, following)
               : 0;
}

/* Without events the operation itself is asked, once: it stays for a moment after its end. */
static void ask_once(Following *following)
{
    g_autofree char *path = g_strdup_printf("/1.0/operations/%s/wait", following->id);

    following->final = client_get(following->remote->client, path, NULL);
}

static void follow(Following *following)
{
    guint sources[] = {watch_signal(SIGINT, on_interrupt, following),
                       watch_signal(SIGTERM, on_terminate, following),
                       watch_signal(SIGHUP, on_hangup, following)};

    while (following->final == NULL && !following->lost && following->signals < 2)
        g_main_context_iteration(NULL, TRUE);
    if (following->lost && following->final == NULL)
        ask_once(following);
    for (guint i = 0; i < G_N_ELEMENTS(sources); i++)
        if (sources[i] != 0)
            g_source_remove(sources[i]);
}

static gboolean read_end(const Following *following, json_t **ret_metadata, GError **error)
{
    json_t *metadata = json_object_get(following->final, "metadata");
    json_int_t status = json_integer_value(json_object_get(following->final, "status_code"));
    const char *code = json_member_string(metadata, "code");
    const char *failure = json_member_string(following->final, "err");

    if (following->final == NULL && following->signals >= 2)
        return error_set(error, ERR_INTERRUPTED,
                         "the operation /1.0/operations/%s goes on without this command; 'berth "
                         "history' will say what came of it",
                         following->id);
    if (following->final == NULL)
        return error_set(error, ERR_UNAVAILABLE,
                         "%s went away while it carried the plan out; what was begun is undone, or "
                         "finished, when it starts again",
                         following->remote->base.place);
    *ret_metadata = json_incref(metadata);
    if (status == FINAL)
        return TRUE;
    return error_set(error,
                     code != NULL          ? error_code_of_word(code)
                     : status == CANCELLED ? ERR_INTERRUPTED
                                           : ERR_FAILED,
                     "%s", failure != NULL ? failure : "the operation failed");
}

gboolean daemon_follow(Remote *remote, const char *path, const json_t *body,
                       const ApplyOptions *options, json_t **ret_metadata, int *ret_signal,
                       GError **error)
{
    static const WebSocketHandlers handlers = {.message = on_message, .closed = on_closed};
    static const WebSocketLimits limits = {.message = 64u << 20};
    Following following = {.remote = remote, .options = options};
    g_autoptr(json_t) answer = NULL;
    g_autoptr(WebSocket) events = NULL;
    Stream *stream;
    gboolean done;

    *ret_metadata = NULL;
    /* Events first, so that none is missed. */
    stream =
        client_websocket(remote->client, "/1.0/events?type=operation&all-projects=true", error);
    if (stream == NULL)
        return FALSE;
    events = websocket_new(stream, TRUE, NULL, &limits, &handlers, &following);
    answer = client_ask(remote->client, "POST", path, body, error);
    if (answer == NULL)
        return FALSE;
    following.id = g_strdup(json_string_at(answer, "metadata/id"));
    if (following.id == NULL)
        return error_set(error, ERR_FAILED, "%s names no operation", remote->base.place);
    follow(&following);
    *ret_signal = following.number;
    done = read_end(&following, ret_metadata, error);
    json_decref(following.final);
    g_free(following.id);
    return done;
}
