#include "session.h"

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
