/* What profiles, projects, networks, storage pools, sources and policies have in common: list,
 * make, show, replace, merge, rename, delete. */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "document.h"
#include "dry_run.h"
#include "edit.h"
#include "error.h"
#include "host_network.h"
#include "limits_check.h"
#include "wire.h"

/* The kind that a route is about: its first segment. */
static const Kind *kind_of(const Call *call)
{
    g_autofree char *collection = g_strndup(call->route->path, strcspn(call->route->path, "/"));

    return kind_by_name(collection);
}

/* AUTH-49: what is used in projects that are not for the caller stays out of sight. */
static json_t *shown_to(const Call *call, const Object *object, GHashTable *users)
{
    json_t *wire = wire_object(call->daemon, call->model, object, users);
    json_t *urls = json_object_get(wire, "used_by");

    for (size_t i = json_array_size(urls); i-- > 0 && !call->caller->admin;) {
        const char *url = json_string_value(json_array_get(urls, i));
        const char *project = strstr(url, "?project=");
        g_autofree char *name = project != NULL
                                    ? g_uri_unescape_string(project + strlen("?project="), NULL)
                                    : g_strdup("default");

        if (name == NULL || !caller_may_use(call->caller, name))
            json_array_remove(urls, i);
    }
    return wire;
}

static gboolean list(Call *call, GError **error)
{
    const Kind *kind = kind_of(call);
    const char *project = kind->flags & KIND_IN_PROJECT ? call_project_for(call, kind->id) : "";
    g_autoptr(GHashTable) users =
        call->recursion > 0 ? users_index(call->daemon, call->model) : NULL;
    json_t *found = json_array();
    guint first, count;

    snapshot_range(call->model, kind->id, project, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *object = snapshot_at(call->model, i);

        if (kind->id == KIND_PROJECT && !caller_may_use(call->caller, object->id.name))
            continue; /* AUTH-49 */
        if (call->recursion > 0) {
            json_array_append_new(found, shown_to(call, object, users));
        } else {
            g_autofree char *url = wire_url(object);

            json_array_append_new(found, json_string(url));
        }
    }
    if (kind->id == KIND_NETWORK && strcmp(project, "default") == 0 && call->caller->admin) {
        g_autoptr(json_t) host = host_networks(call->model, call->recursion > 0, error);

        if (host == NULL) {
            json_decref(found);
            return FALSE;
        }
        json_array_extend(found, host);
    }
    answer_sync(call->request, 200, found, NULL);
    return TRUE;
}

/* An interface of the host may be asked for like a network. */
static gboolean show_host_network(Call *call)
{
    json_t *found = call->caller->admin && strcmp(call->project, "default") == 0
                        ? host_network(call->words[0])
                        : NULL;
    g_autofree char *etag = NULL;

    if (found == NULL)
        return FALSE;
    etag = json_digest(found);
    answer_sync(call->request, 200, found, etag);
    return TRUE;
}

static gboolean show(Call *call, GError **error)
{
    const Object *object = call_object(call, kind_of(call)->id, call->words[0], error);
    g_autoptr(GHashTable) users = NULL;
    g_autofree char *etag = NULL;

    if (object == NULL && kind_of(call)->id == KIND_NETWORK && show_host_network(call)) {
        g_clear_error(error);
        return TRUE;
    }
    if (object == NULL)
        return FALSE;
    if (object->id.kind == KIND_PROJECT && !caller_may_use(call->caller, object->id.name))
        return error_set(error, ERR_NOT_FOUND, "Project not found");
    users = users_index(call->daemon, call->model);
    etag = wire_etag(object);
    answer_sync(call->request, 200, shown_to(call, object, users), etag);
    return TRUE;
}

static gboolean make(Call *call, GError **error)
{
    const Kind *kind = kind_of(call);
    g_autoptr(json_t) body = call_body(call, error);
    const char *name = body != NULL ? json_member_string(body, "name") : NULL;
    g_autofree char *path = NULL;
    g_autofree char *escaped = NULL;
    g_autofree char *url = NULL;

    if (body == NULL)
        return FALSE;
    if (name == NULL || *name == '\0')
        return error_set(error, ERR_INVALID, "No name provided");
    if (!edit_run(call, EDIT_CREATE, kind->id, name, body, error))
        return FALSE;
    escaped = g_uri_escape_string(name, NULL, FALSE);
    path = g_strdup_printf("%s/%s", kind->api, escaped);
    url = call_url(call, path);
    answer_created(call->request, url);
    return TRUE;
}

static gboolean edit(Call *call, EditMode mode, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);

    if (body == NULL || !edit_run(call, mode, kind_of(call)->id, call->words[0], body, error))
        return FALSE;
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

static gboolean replace(Call *call, GError **error)
{
    return edit(call, EDIT_REPLACE, error);
}

static gboolean merge(Call *call, GError **error)
{
    return edit(call, EDIT_MERGE, error);
}

static gboolean delete (Call *call, GError **error)
{
    if (!edit_run(call, EDIT_DELETE, kind_of(call)->id, call->words[0], NULL, error))
        return FALSE;
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

static gboolean rename_object(Call *call, GError **error)
{
    const Kind *kind = kind_of(call);
    g_autoptr(json_t) body = call_body(call, error);
    const char *name = body != NULL ? json_member_string(body, "name") : NULL;
    g_autofree char *path = NULL;
    g_autofree char *url = NULL;

    if (body == NULL)
        return FALSE;
    if (name == NULL || *name == '\0')
        return error_set(error, ERR_INVALID, "No name provided");
    if (!edit_run(call, EDIT_RENAME, kind->id, call->words[0], body, error))
        return FALSE;
    path = g_strdup_printf("%s/%s", kind->api, name);
    url = call_url(call, path);
    answer_created(call->request, url);
    return TRUE;
}

/* ---- projects ---- */

typedef struct {
    Call *call;
    json_t *body;
} Rename;

static void rename_free(gpointer data)
{
    Rename *rename = data;

    call_free(rename->call);
    json_decref(rename->body);
    g_free(rename);
}

static gboolean carry_rename_out(Operation *operation, void *data, GError **error)
{
    const Rename *rename = data;

    return edit_run(rename->call, EDIT_RENAME, KIND_PROJECT, rename->call->words[0], rename->body,
                    error);
}

/* PJ-11: an operation. What can be told at once is. */
static gboolean rename_project(Call *call, GError **error)
{
    const Object *project = call_object(call, KIND_PROJECT, call->words[0], error);
    g_autoptr(json_t) body = project != NULL ? call_body(call, error) : NULL;
    const char *name = json_member_string(body, "name");
    Rename *rename;

    if (body == NULL)
        return FALSE;
    if (name == NULL || *name == '\0')
        return error_set(error, ERR_INVALID, "No name provided");
    if (!edit_check_default(KIND_PROJECT, project->id.name, EDIT_RENAME, error))
        return FALSE;
    if (snapshot_find(call->model, KIND_PROJECT, "", name) != NULL)
        return error_set(error, ERR_EXISTS, "A project named \"%s\" already exists", name);
    if (call_is_dry_run(call))
        return edit_run(call, EDIT_RENAME, KIND_PROJECT, project->id.name, body, error);
    rename = g_new0(Rename, 1);
    rename->call = call_copy(call);
    rename->body = json_incref(body);
    call_start(call, call_operation(call, OPERATION_TASK, "Renaming project"), carry_rename_out,
               rename, rename_free);
    return TRUE;
}

static gboolean project_state(Call *call, GError **error)
{
    const Object *project = call_object(call, KIND_PROJECT, call->words[0], error);

    if (project == NULL)
        return FALSE;
    if (!caller_may_use(call->caller, project->id.name))
        return error_set(error, ERR_NOT_FOUND, "Project not found");
    answer_sync(call->request, 200,
                json_pack("{s:o}", "resources", limits_usage(call->model, project)), NULL);
    return TRUE;
}

/* Pools work; volumes that clients make themselves are refused by name. */
static gboolean no_volumes(Call *call, GError **error)
{
    if (call_object(call, KIND_POOL, call->words[0], error) == NULL)
        return FALSE;
    return error_set(error, ERR_NOT_IMPLEMENTED,
                     "storage volumes of their own are not in this build of berth");
}

const Route ROUTES_OBJECTS[] = {
    {"GET", "storage-pools/*/volumes", ACCESS_TRUSTED, ROUTE_QUICK, no_volumes},
    {"POST", "storage-pools/*/volumes", ACCESS_TRUSTED, ROUTE_DRY, no_volumes},
    {"GET", "storage-pools/*/volumes/*", ACCESS_TRUSTED, ROUTE_QUICK, no_volumes},
    {"POST", "storage-pools/*/volumes/*", ACCESS_TRUSTED, ROUTE_DRY, no_volumes},
    {"GET", "profiles", ACCESS_PROJECT, 0, list},
    {"POST", "profiles", ACCESS_PROJECT, ROUTE_DRY, make},
    {"GET", "profiles/*", ACCESS_PROJECT, 0, show},
    {"PUT", "profiles/*", ACCESS_PROJECT, ROUTE_DRY, replace},
    {"PATCH", "profiles/*", ACCESS_PROJECT, ROUTE_DRY, merge},
    {"POST", "profiles/*", ACCESS_PROJECT, ROUTE_DRY, rename_object},
    {"DELETE", "profiles/*", ACCESS_PROJECT, ROUTE_DRY, delete},
    {"GET", "networks/*", ACCESS_PROJECT, 0, show},
    {"GET", "networks", ACCESS_PROJECT, 0, list},
    {"POST", "networks", ACCESS_PROJECT, ROUTE_DRY, make},
    {"PUT", "networks/*", ACCESS_PROJECT, ROUTE_DRY, replace},
    {"PATCH", "networks/*", ACCESS_PROJECT, ROUTE_DRY, merge},
    {"POST", "networks/*", ACCESS_PROJECT, ROUTE_DRY, rename_object},
    {"DELETE", "networks/*", ACCESS_PROJECT, ROUTE_DRY, delete},
    {"GET", "projects", ACCESS_TRUSTED, 0, list},
    {"POST", "projects", ACCESS_ADMIN, ROUTE_DRY, make},
    {"GET", "projects/*", ACCESS_TRUSTED, 0, show},
    {"GET", "projects/*/state", ACCESS_TRUSTED, 0, project_state},
    {"PUT", "projects/*", ACCESS_ADMIN, ROUTE_DRY, replace},
    {"PATCH", "projects/*", ACCESS_ADMIN, ROUTE_DRY, merge},
    {"POST", "projects/*", ACCESS_ADMIN, ROUTE_DRY, rename_project},
    {"DELETE", "projects/*", ACCESS_ADMIN, ROUTE_DRY, delete},
    {"GET", "sources", ACCESS_ADMIN, 0, list},
    {"POST", "sources", ACCESS_ADMIN, ROUTE_DRY, make},
    {"GET", "sources/*", ACCESS_ADMIN, 0, show},
    {"PUT", "sources/*", ACCESS_ADMIN, ROUTE_DRY, replace},
    {"PATCH", "sources/*", ACCESS_ADMIN, ROUTE_DRY, merge},
    {"DELETE", "sources/*", ACCESS_ADMIN, ROUTE_DRY, delete},
    {"GET", "storage-pools", ACCESS_TRUSTED, 0, list},
    {"POST", "storage-pools", ACCESS_ADMIN, ROUTE_DRY, make},
    {"GET", "storage-pools/*", ACCESS_TRUSTED, 0, show},
    {"PUT", "storage-pools/*", ACCESS_ADMIN, ROUTE_DRY, replace},
    {"PATCH", "storage-pools/*", ACCESS_ADMIN, ROUTE_DRY, merge},
    {"DELETE", "storage-pools/*", ACCESS_ADMIN, ROUTE_DRY, delete},
    {"GET", "policies", ACCESS_ADMIN, 0, list},
    {"POST", "policies", ACCESS_ADMIN, ROUTE_DRY, make},
    {"GET", "policies/*", ACCESS_ADMIN, 0, show},
    {"PUT", "policies/*", ACCESS_ADMIN, ROUTE_DRY, replace},
    {"PATCH", "policies/*", ACCESS_ADMIN, ROUTE_DRY, merge},
    {"POST", "policies/*", ACCESS_ADMIN, ROUTE_DRY, rename_object},
    {"DELETE", "policies/*", ACCESS_ADMIN, ROUTE_DRY, delete},
    {"GET", "environments", ACCESS_ADMIN, 0, list},
    {"GET", "environments/*", ACCESS_ADMIN, 0, show},
    {0},
};
