/* Operations (API-060..067). */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "dry_run.h"
#include "error.h"
#include "secret.h"

static gboolean list(Call *call, GError **error)
{
    const char *project = call->everywhere ? NULL : call->project;

    answer_sync(
        call->request, 200,
        operations_list(call->daemon->operations, project, call->caller, call->recursion > 0),
        NULL);
    return TRUE;
}

static Operation *find(Call *call, GError **error)
{
    Operation *operation = operations_find(call->daemon->operations, call->words[0]);

    /* AUTH-49: nobody learns of projects that are not for them. */
    if (operation != NULL && operation_is_for(operation, call->caller))
        return operation;
    operation_unref(operation);
    error_set(error, ERR_NOT_FOUND, "Operation not found");
    return NULL;
}

static gboolean show(Call *call, GError **error)
{
    g_autoptr(Operation) operation = find(call, error);

    if (operation == NULL)
        return FALSE;
    answer_sync(call->request, 200, operation_json(operation), NULL);
    return TRUE;
}

/* The one that a secret is of. Who has it may wait, trusted or not; a wrong one is refused to
 * everybody, and strangers do not learn which operations there are. */
static Operation *find_by_secret(Call *call, const char *secret, GError **error)
{
    g_autoptr(Operation) operation = operations_find(call->daemon->operations, call->words[0]);
    g_autoptr(json_t) shown = operation != NULL ? operation_json(operation) : NULL;
    const char *own = json_string_at(shown, "metadata/secret");

    if (own != NULL && secret_equal(secret, own))
        return g_steal_pointer(&operation);
    error_set(error, ERR_PERMISSION, "not authorized");
    return NULL;
}

/* Open to strangers by the operation's secret (API-234). */
static Operation *find_to_wait(Call *call, GError **error)
{
    const char *secret = request_query(call->request, "secret");

    if (secret != NULL && *secret != '\0')
        return find_by_secret(call, secret, error);
    if (call->caller->trusted)
        return find(call, error);
    error_set(error, ERR_PERMISSION, "not authorized");
    return NULL;
}

static gboolean wait_for(Call *call, GError **error)
{
    g_autoptr(Operation) operation = find_to_wait(call, error);
    const char *timeout = request_query(call->request, "timeout");
    gint64 seconds = -1;

    if (operation == NULL)
        return FALSE;
    if (timeout != NULL && *timeout != '\0' &&
        !g_ascii_string_to_signed(timeout, 10, G_MININT32, G_MAXINT32, &seconds, NULL))
        return error_set(error, ERR_INVALID, "timeout: \"%s\" is not a number of seconds", timeout);
    operation_wait(operation, call->request, seconds);
    return TRUE;
}

static gboolean cancel(Call *call, GError **error)
{
    g_autoptr(Operation) operation = find(call, error);
    g_autofree char *source = NULL;

    if (operation == NULL)
        return FALSE;
    if (call_is_dry_run(call))
        return operation_check_cancel(operation, error) &&
               dry_run_would(call, error, "operation %s would be cancelled",
                             operation_id(operation));
    if (!operation_cancel(operation, error))
        return FALSE;
    source = g_strdup_printf("operations/%s", operation_id(operation));
    events_lifecycle(call->daemon->events, "operation-cancelled", operation_project(operation),
                     source, NULL, call->caller);
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

const Route ROUTES_OPERATIONS[] = {
    {"GET", "operations", ACCESS_TRUSTED, ROUTE_QUICK, list},
    {"GET", "operations/*", ACCESS_TRUSTED, ROUTE_QUICK, show},
    {"DELETE", "operations/*", ACCESS_TRUSTED, ROUTE_LATE | ROUTE_DRY, cancel},
    {"GET", "operations/*/wait", ACCESS_OPEN, ROUTE_QUICK, wait_for},
    {0},
};
