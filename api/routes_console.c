/* /dev/console of instances: its log, and attaching to it (API-160..162). */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "console_session.h"
#include "dry_run.h"
#include "error.h"
#include "instance/console.h"
#include "session.h"

static gboolean show_log(Call *call, GError **error)
{
    static const char *const headers[] = {"Content-Type", "application/octet-stream", NULL};
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_autoptr(GBytes) text = NULL;
    gsize length;
    char *log;

    log = object != NULL ? console_log(call->daemon->host, object, &length, error) : NULL;
    if (log == NULL)
        return FALSE;
    text = g_bytes_new_take(log, length);
    session_tell(call, object, "instance-console-retrieved", NULL, NULL);
    request_answer(call->request, 200, headers, text);
    return TRUE;
}

static gboolean clear_log(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);

    if (object == NULL)
        return FALSE;
    if (call_is_dry_run(call))
        return dry_run_would(call, error, "the console log of instance %s would be emptied",
                             object->id.name);
    if (!console_log_clear(call->daemon->host, object, error))
        return FALSE;
    session_tell(call, object, "instance-console-reset", NULL, NULL);
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

static gboolean attach(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_autoptr(json_t) body = object != NULL ? call_body(call, error) : NULL;
    g_autoptr(Operation) operation = NULL;
    const char *type = "";
    json_int_t width = 0, height = 0;
    json_error_t problem;

    if (body == NULL)
        return FALSE;
    if (json_unpack_ex(body, &problem, 0, "{s?I, s?I, s?s !}", "width", &width, "height", &height,
                       "type", &type) != 0)
        return error_set(error, ERR_INVALID, "%s", problem.text);
    if (width < 0 || height < 0 || width > G_MAXUINT16 || height > G_MAXUINT16)
        return error_set(error, ERR_INVALID, "width, height: numbers from 0 to %d", G_MAXUINT16);
    if (strcmp(type, "vga") == 0)
        return error_set(error, ERR_INVALID, "VGA console is only supported by virtual machines");
    if (*type != '\0' && strcmp(type, "console") != 0)
        return error_set(error, ERR_INVALID, "Unknown console type \"%s\"", type);
    if (!session_running(call, object, error))
        return FALSE;
    if (call_is_dry_run(call))
        return dry_run_would(call, error, "the console of instance %s would be attached to",
                             object->id.name);
    operation = session_operation(call, object, OPERATION_WEBSOCKET, "Showing console");
    console_session_new(call, operation, object, (guint)width, (guint)height);
    session_tell(call, object, "instance-console", NULL, json_pack("{s:s}", "type", "console"));
    session_begin(call, operation);
    return TRUE;
}

const Route ROUTES_CONSOLE[] = {
    {"GET", "instances/*/console", ACCESS_PROJECT, 0, show_log},
    {"POST", "instances/*/console", ACCESS_PROJECT, ROUTE_DRY, attach},
    {"DELETE", "instances/*/console", ACCESS_PROJECT, ROUTE_DRY, clear_log},
    {0},
};
