#include "session.h"

#include <string.h>

#include "answer.h"
#include "error.h"
#include "instance/status.h"
#include "wire.h"

void session_tell(Call *call, const Object *object, const char *action, const char *below,
                  json_t *context)
{
    g_autofree char *path = wire_path(object);
    g_autofree char *source =
        below != NULL ? g_strdup_printf("%s/%s", path, below) : g_strdup(path);

    events_lifecycle(call->daemon->events, action, object->id.project, source, context,
                     call->caller);
}

gboolean session_running(Call *call, const Object *object, GError **error)
{
    g_autofree char *name = disk_name(object->id.project, object->id.name);

    switch (instance_status(call->daemon->dir, name)) {
    case INSTANCE_STOPPED:
        return error_set(error, ERR_INVALID, "Instance is not running");
    case INSTANCE_FROZEN:
        return error_set(error, ERR_INVALID, "Instance is frozen");
    case INSTANCE_RUNNING:
        break;
    }
    return TRUE;
}

Operation *session_operation(Call *call, const Object *object, OperationClass class,
                             const char *description)
{
    Operation *operation = call_operation(call, class, description);
    g_autofree char *url = wire_url(object);

    operation_add_resource(operation, "instances", url);
    return operation;
}

void session_begin(Call *call, Operation *operation)
{
    g_autofree char *url = operation_url(operation);
    g_autofree char *whole = call_url(call, url + strlen("/1.0/"));

    operation_begin(operation);
    answer_async(call->request, whole, operation_json(operation));
}
