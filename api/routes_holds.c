/* Holds (EN-47): what stays as it is whatever files and sources say. Objects are named by their
 * keys, as everywhere below berth's own paths. */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "dry_run.h"
#include "error.h"
#include "source.h"
#include "source_control.h"

#define REASON_MAX 1000

static gboolean list(Call *call, GError **error)
{
    json_t *holds = engine_holds(call->daemon->engine, error);

    if (holds == NULL)
        return FALSE;
    answer_sync(call->request, 200, holds, NULL);
    return TRUE;
}

/* "object" of a body; NULL with an error. Borrowed from it. */
static const char *object_of(const json_t *body, GError **error)
{
    const char *key = json_member_string(body, "object");

    if (body != NULL && key == NULL)
        error_set(error, ERR_INVALID, "\"object\" is missing: KIND/PROJECT//NAME");
    return key;
}

/* Its source corrects it when the hold ends, and has to know of it. */
static void tell(const Call *call, const char *key)
{
    const Object *object = snapshot_get(call->model, key);

    if (object != NULL && g_str_has_prefix(object->owner, SOURCE_OWNER))
        source_control_look(call->daemon->sources, object->owner + strlen(SOURCE_OWNER));
}

static gboolean check_reason(const char *reason, GError **error)
{
    if (reason == NULL || *reason == '\0')
        return error_set(error, ERR_INVALID, "\"reason\" is missing: others want to know why");
    for (const char *p = reason; *p != '\0'; p++)
        if (g_ascii_iscntrl(*p) || p - reason >= REASON_MAX)
            return error_set(error, ERR_INVALID, "reason: one line of at most %d bytes",
                             REASON_MAX);
    return TRUE;
}

/* {"object", "path" ("" or none: all of it), "seconds", "reason"} */
static gboolean hold(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    const char *key = object_of(body, error);
    const char *path = json_member_string(body, "path");
    const char *reason = json_member_string(body, "reason");
    json_int_t seconds = json_integer_value(json_object_get(body, "seconds"));

    if (key == NULL || !check_reason(reason, error))
        return FALSE;
    if (seconds <= 0 || seconds > G_MAXINT32)
        return error_set(error, ERR_INVALID, "\"seconds\" has to be a number above zero");
    if (path == NULL)
        path = "";
    if (call_is_dry_run(call))
        return engine_may_hold(call->daemon->engine, key, path, error) &&
               dry_run_would(call, error, "%s of %s would be held for %" JSON_INTEGER_FORMAT " s",
                             *path != '\0' ? path : "all", key, seconds);
    if (!engine_hold(call->daemon->engine, key, path, seconds, reason, call->caller->username,
                     error))
        return FALSE;
    tell(call, key);
    answer_sync(call->request, 201, NULL, NULL);
    return TRUE;
}

/* {"object", "path" (none: all holds of it)} */
static gboolean unhold(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    const char *key = object_of(body, error);
    const char *path = json_member_string(body, "path");

    if (key == NULL)
        return FALSE;
    if (call_is_dry_run(call))
        return engine_may_unhold(call->daemon->engine, key, path, error) &&
               dry_run_would(call, error, "holds of %s would end", key);
    if (!engine_unhold(call->daemon->engine, key, path, error))
        return FALSE;
    tell(call, key);
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

const Route ROUTES_HOLDS[] = {
    {"GET", "holds", ACCESS_ADMIN, 0, list},
    {"POST", "holds", ACCESS_ADMIN, ROUTE_DRY, hold},
    {"DELETE", "holds", ACCESS_ADMIN, ROUTE_DRY, unhold},
    {0},
};
