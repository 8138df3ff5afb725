/* Warnings (API-281..285). */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "dry_run.h"
#include "error.h"
#include "warning.h"
#include "warnings.h"
#include "when.h"
#include "wire.h"

/* API-660. `entity` is NULL for the server itself. */
static json_t *wire_warning(const json_t *row, const Object *entity)
{
    const char *type = json_member_string(row, "type");
    g_autofree char *first = when_text(json_integer_value(json_object_get(row, "first_seen")));
    g_autofree char *last = when_text(json_integer_value(json_object_get(row, "last_seen")));
    g_autofree char *url = entity != NULL ? wire_url(entity) : g_strdup("");

    return json_pack("{s:O, s:s, s:s, s:s, s:s, s:O, s:O, s:s, s:s, s:s, s:O}", "uuid",
                     json_object_get(row, "uuid"), "location", "none", "project",
                     entity != NULL ? entity->id.project : "", "entity_url", url, "type", type,
                     "status", json_object_get(row, "status"), "count",
                     json_object_get(row, "count"), "severity", warning_severity(type),
                     "first_seen_at", first, "last_seen_at", last, "last_message",
                     json_object_get(row, "message"));
}

/* Whether it is about something that is there, of the project that is asked for, if any. */
static gboolean is_asked_for(const Call *call, const json_t *row, const Object **ret_entity)
{
    const char *key = json_member_string(row, "entity");
    const char *project = request_query(call->request, "project");

    *ret_entity = *key != '\0' ? snapshot_get(call->model, key) : NULL;
    if (*key != '\0' && *ret_entity == NULL)
        return FALSE;
    return project == NULL || *project == '\0' || call->everywhere ||
           (*ret_entity != NULL && strcmp((*ret_entity)->id.project, project) == 0);
}

static gboolean list(Call *call, GError **error)
{
    g_autoptr(json_t) rows = warnings_list(engine_store(call->daemon->engine), NULL, error);
    json_t *found;
    json_t *row;
    size_t i;

    if (rows == NULL)
        return FALSE;
    found = json_array();
    json_array_foreach (rows, i, row) {
        const Object *entity;

        if (!is_asked_for(call, row, &entity))
            continue;
        json_array_append_new(
            found, call->recursion > 0
                       ? wire_warning(row, entity)
                       : json_sprintf("/1.0/warnings/%s", json_member_string(row, "uuid")));
    }
    answer_sync(call->request, 200, found, NULL);
    return TRUE;
}

/* [the one of the request]. New reference; NULL with an error. */
static json_t *find(const Call *call, GError **error)
{
    g_autoptr(json_t) rows =
        warnings_list(engine_store(call->daemon->engine), call->words[0], error);

    if (rows == NULL || json_array_size(rows) > 0)
        return g_steal_pointer(&rows);
    error_set(error, ERR_NOT_FOUND, "Warning not found");
    return NULL;
}

static gboolean show(Call *call, GError **error)
{
    g_autoptr(json_t) rows = find(call, error);
    const json_t *row = json_array_get(rows, 0);

    if (row == NULL)
        return FALSE;
    answer_sync(call->request, 200,
                wire_warning(row, snapshot_get(call->model, json_member_string(row, "entity"))),
                NULL);
    return TRUE;
}

/* Of a dry run: the warning is there, and this would be done to it. */
static gboolean would(const Call *call, const char *what, GError **error)
{
    g_autoptr(json_t) rows = find(call, error);

    return rows != NULL &&
           dry_run_would(call, error, "warning %s would be %s", call->words[0], what);
}

static void tell(Call *call, const char *action)
{
    g_autofree char *source = g_strdup_printf("warnings/%s", call->words[0]);

    events_lifecycle(call->daemon->events, action, NULL, source, NULL, call->caller);
}

static gboolean set_status(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    const char *status = json_member_string(body, "status");
    gboolean again;

    if (body == NULL)
        return FALSE;
    again = g_strcmp0(status, "new") == 0;
    if (!again && g_strcmp0(status, "acknowledged") != 0)
        return error_set(error, ERR_INVALID,
                         "status: it can be set to \"new\" or \"acknowledged\"");
    if (call_is_dry_run(call))
        return would(call, again ? "new again" : "acknowledged", error);
    if (!warnings_set_status(engine_store(call->daemon->engine), call->words[0], status, error))
        return FALSE;
    tell(call, again ? "warning-reset" : "warning-acknowledged");
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

static gboolean delete (Call *call, GError **error)
{
    if (call_is_dry_run(call))
        return would(call, "deleted", error);
    if (!warnings_delete(engine_store(call->daemon->engine), call->words[0], error))
        return FALSE;
    tell(call, "warning-deleted");
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

const Route ROUTES_WARNINGS[] = {
    {"GET", "warnings", ACCESS_ADMIN, 0, list},
    {"GET", "warnings/*", ACCESS_ADMIN, 0, show},
    {"PUT", "warnings/*", ACCESS_ADMIN, ROUTE_DRY, set_status},
    {"PATCH", "warnings/*", ACCESS_ADMIN, ROUTE_DRY, set_status},
    {"DELETE", "warnings/*", ACCESS_ADMIN, ROUTE_DRY, delete},
    {0},
};
