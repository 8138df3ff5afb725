/* Log files of instances (API-168..170). */
#include <sys/stat.h>

#include "answer.h"
#include "call.h"
#include "dry_run.h"
#include "error.h"
#include "file.h"
#include "instance/logs.h"
#include "session.h"

static gboolean list(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_auto(GStrv) names = object != NULL ? logs_list(call->daemon->host, object, error) : NULL;
    json_t *urls;

    if (names == NULL)
        return FALSE;
    urls = json_array();
    for (char **name = names; *name != NULL; name++) {
        g_autofree char *path = g_strdup_printf("instances/%s/logs/%s", object->id.name, *name);
        g_autofree char *url = call_url(call, path);

        json_array_append_new(urls, json_string(url));
    }
    answer_sync(call->request, 200, urls, NULL);
    return TRUE;
}

static void tell(Call *call, const Object *object, const char *action)
{
    g_autofree char *below = g_strdup_printf("logs/%s", call->words[1]);

    session_tell(call, object, action, below, NULL);
}

static gboolean show(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_auto(Fd) file =
        object != NULL ? logs_open(call->daemon->host, object, call->words[1], error) : -1;
    struct stat info;

    if (file < 0)
        return FALSE;
    if (fstat(file, &info) < 0)
        return error_errno(error, errno, "look at the log %s", call->words[1]);
    answer_file(call->request, fd_steal(&file), (guint64)info.st_size, call->words[1],
                info.st_mtime);
    tell(call, object, "instance-log-retrieved");
    return TRUE;
}

static gboolean delete (Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);

    if (object == NULL)
        return FALSE;
    if (call_is_dry_run(call))
        return logs_may_delete(call->daemon->host, object, call->words[1], error) &&
               dry_run_would(call, error, "the log %s of instance %s would be deleted",
                             call->words[1], object->id.name);
    if (!logs_delete(call->daemon->host, object, call->words[1], error))
        return FALSE;
    tell(call, object, "instance-log-deleted");
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

const Route ROUTES_LOGS[] = {
    {"GET", "instances/*/logs", ACCESS_PROJECT, 0, list},
    {"GET", "instances/*/logs/*", ACCESS_PROJECT, 0, show},
    {"DELETE", "instances/*/logs/*", ACCESS_PROJECT, ROUTE_DRY, delete},
    {0},
};
