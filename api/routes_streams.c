/* What stays open: events (EV-01..05) and the websockets of operations (API-066). */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "context.h"
#include "error.h"
#include "event_stream.h"

/* ---- events ---- */

static gboolean events(Call *call, GError **error)
{
    const char *wish = request_query(call->request, "type");
    guint types = EVENT_ALL;

    if (wish != NULL && *wish != '\0') {
        types = event_types_parse(wish, error);
        if (types == 0)
            return FALSE;
        if ((types & EVENT_LOGGING) != 0 && !call->caller->admin)
            return error_set(error, ERR_PERMISSION, "only administrators see what is logged");
    } else if (!call->caller->admin) {
        types &= ~(guint)EVENT_LOGGING;
    }
    if (call->everywhere && call->caller->projects != NULL)
        return error_set(error, ERR_PERMISSION, "not authorized for the events of all projects");
    event_stream_start(call, types, call->everywhere ? NULL : call->project);
    return TRUE;
}

/* ---- streams of operations ---- */

typedef struct {
    Operation *operation;
    char *name;
} Connection;

static void on_upgraded(Stream *stream, void *data)
{
    g_autofree Connection *connection = data;
    g_autoptr(Operation) operation = connection->operation;
    g_autofree char *name = connection->name;

    if (stream != NULL)
        operation_connected(operation, name, stream);
}

static void connection_free(Connection *connection)
{
    operation_unref(connection->operation);
    g_free(connection->name);
    g_free(connection);
}

/* The secret is all that is asked for: clients hand it to others. */
static gboolean connect_stream(Call *call, GError **error)
{
    g_autoptr(Operation) operation = operations_find(call->daemon->operations, call->words[0]);
    const char *secret = request_query(call->request, "secret");
    Connection *connection;
    g_autofree char *name = NULL;

    if (secret == NULL)
        return error_set(error, ERR_INVALID, "missing secret");
    if (operation == NULL)
        return error_set(error, ERR_NOT_FOUND, "Operation not found");
    if (operation_class(operation) != OPERATION_WEBSOCKET)
        return error_set(error, ERR_INVALID, "This operation has no websockets");
    name = operation_take_secret(operation, secret, error);
    if (name == NULL)
        return FALSE;
    connection = g_new0(Connection, 1);
    *connection = (Connection){g_steal_pointer(&operation), g_steal_pointer(&name)};
    if (context_upgrade(call->daemon, call->request, on_upgraded, connection, error))
        return TRUE;
    connection_free(connection);
    return FALSE;
}

const Route ROUTES_STREAMS[] = {
    {"GET", "events", ACCESS_PROJECT, ROUTE_QUICK, events},
    {"GET", "operations/*/websocket", ACCESS_OPEN, ROUTE_QUICK, connect_stream},
    {0},
};
