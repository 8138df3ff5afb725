/* Instances: list, show, make, replace, merge, rename, delete (API-149..156). */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "download.h"
#include "dry_run.h"
#include "edit.h"
#include "error.h"
#include "filter.h"
#include "instance/status.h"
#include "instance_copy.h"
#include "instance_new.h"
#include "wire.h"
#include "wire_instance.h"
#include "wire_text.h"

/* ---- reading ---- */

/* The URL below the collection that was asked for (API-009). */
static char *url_of(const Call *call, const Object *object)
{
    g_autofree char *url = wire_url(object);

    return g_strdup_printf("/1.0/%s%s", call->collection, url + strlen("/1.0/instances"));
}

/* Looks at the instance as it would be shown. */
static gboolean is_wanted(Call *call, const Filter *filter, const Object *object)
{
    g_autoptr(json_t) wire = NULL;

    if (!call_shows(call, object))
        return FALSE;
    if (filter == NULL)
        return TRUE;
    wire = call->recursion > 1 ? wire_instance_full(call->daemon, call->model, object)
                               : wire_instance(call->daemon, call->model, object);
    return filter_matches(filter, wire);
}

static void add(Call *call, const Object *object, GHashTable *candidates, GString *found)
{
    if (found->str[found->len - 1] != '[')
        g_string_append_c(found, ',');
    if (call->recursion > 0) {
        wire_instance_append(call->daemon, call->model, object, candidates, call->recursion > 1,
                             found);
    } else {
        g_autofree char *url = url_of(call, object); /* escaped: no quotes in it */

        g_string_append_printf(found, "\"%s\"", url);
    }
}

/* One project's; sorted by name, as the model is. */
static void add_project(Call *call, const Filter *filter, const char *project,
                        GHashTable *candidates, GString *found)
{
    guint first, count;

    snapshot_range(call->model, KIND_INSTANCE, project, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *object = snapshot_at(call->model, i);

        if (is_wanted(call, filter, object))
            add(call, object, candidates, found);
    }
}

/* Room for all that there may be: what is not used takes no memory. */
static GString *begin_list(const Call *call)
{
    static const gsize bytes_each[] = {64, 1536, 3072};
    guint first, count;
    GString *found;

    snapshot_range(call->model, KIND_INSTANCE, call->project, &first, &count);
    if (call->everywhere)
        count = snapshot_size(call->model);
    found = answer_begin(count * bytes_each[MIN((guint)call->recursion, 2)]);
    return g_string_append_c(found, '[');
}

static gboolean list(Call *call, GError **error)
{
    const char *text = request_query(call->request, "filter");
    g_autoptr(Filter) filter = NULL;
    g_autoptr(GHashTable) candidates = NULL;
    GString *found;
    guint first, count;

    if (text != NULL && *text != '\0' && (filter = filter_parse(text, error)) == NULL)
        return FALSE;
    if (call->recursion > 0)
        candidates = instance_status_candidates(call->daemon->dir);
    found = begin_list(call);
    if (call->everywhere) {
        snapshot_range(call->model, KIND_PROJECT, "", &first, &count);
        for (guint i = first; i < first + count; i++) {
            const char *project = snapshot_at(call->model, i)->id.name;

            if (caller_may_use(call->caller, project))
                add_project(call, filter, project, candidates, found);
        }
    } else {
        add_project(call, filter, call->project, candidates, found);
    }
    g_string_append_c(found, ']');
    answer_end(call->request, found, NULL);
    return TRUE;
}

static gboolean show(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_autofree char *etag = NULL;
    GString *text;

    if (object == NULL)
        return FALSE;
    etag = wire_instance_etag(call->model, object);
    text = answer_begin(2048);
    wire_instance_append(call->daemon, call->model, object, NULL, call->recursion > 0, text);
    answer_end(call->request, text, etag);
    return TRUE;
}

/* ---- operations ---- */

/* A change that goes on after its request is answered. */
typedef struct {
    Call *call; /* kept for project, If-Match and cause */
    EditMode mode;
    char *name;
    json_t *body;
    NewName *taken;
    /* A copy or a move of another instance, which is not the edit of one. */
    char *source_project, *source;
    char *target_project; /* NULL: the call's */
    char *pool;           /* that a move goes to; NULL: none */
    char *name_there;     /* of a move to a pool */
    gboolean inconsistent;
} Change;

static void change_free(gpointer data)
{
    Change *change = data;

    new_name_free(change->taken);
    call_free(change->call);
    g_free(change->name);
    json_decref(change->body);
    g_free(change->source_project);
    g_free(change->source);
    g_free(change->target_project);
    g_free(change->pool);
    g_free(change->name_there);
    g_free(change);
}

static Edit edit_of(const Change *change)
{
    return (Edit){change->call,          change->mode, KIND_INSTANCE,
                  change->call->project, change->name, change->body};
}

/* What makes the change's plan, and of what. */
typedef struct {
    PlanFunction make;
    void *data;
    Edit edit;
    InstanceCopy copy;
    PoolMove move;
} Way;

static void way_of(const Change *change, Way *ret)
{
    ret->edit = edit_of(change);
    ret->copy = (InstanceCopy){.call = change->call,
                               .from_project = change->source_project,
                               .from = change->source,
                               .project = change->target_project != NULL ? change->target_project
                                                                         : change->call->project,
                               .name = change->name,
                               .body = change->body,
                               .pool = change->pool,
                               .inconsistent = change->inconsistent};
    ret->move = (PoolMove){change->call, change->name, change->name_there, change->pool};
    if (change->source != NULL) {
        ret->make = instance_copy_plan;
        ret->data = &ret->copy;
    } else if (change->pool != NULL) {
        ret->make = instance_pool_plan;
        ret->data = &ret->move;
    } else {
        ret->make = edit_plan;
        ret->data = &ret->edit;
    }
}

static gboolean carry_out(Operation *operation, void *data, GError **error)
{
    Change *change = data;
    Way way;
    g_autofree char *cause = g_strdup_printf("api %s %s", request_method(change->call->request),
                                             request_path(change->call->request));
    const ApplyOptions options = {.cause = cause,
                                  .cancel = operation_cancel_flag(operation),
                                  .fetching = download_tell_object,
                                  .progress_data = operation};
    g_auto(ApplyResult) result = {0};

    way_of(change, &way);
    return daemon_apply(change->call->daemon, change->call->caller, &options, way.make, way.data,
                        NULL, &result, error);
}

/* Answers with an operation that carries `change` out, which is taken over. With a dry run the plan
 * is the answer. */
static gboolean begin(Call *call, const char *title, Change *change, GError **error)
{
    Operation *operation;
    g_autofree char *url = NULL;
    g_autofree char *path = NULL;

    if (call_is_dry_run(call)) {
        Way way;
        gboolean done;

        way_of(change, &way);
        done = call_transact(call, way.make, way.data, error);
        change_free(change);
        return done;
    }
    operation = call_operation(call, OPERATION_TASK, title);
    path = g_strdup_printf("instances/%s", change->name);
    url = call_url(call, path);
    operation_add_resource(operation, "instances", url);
    if (change->mode == EDIT_CREATE)
        operation_may_cancel(operation, NULL, NULL);
    call_start(call, operation, carry_out, change, change_free);
    return TRUE;
}

static Change *change_new(Call *call, EditMode mode, const char *name, json_t *body)
{
    Change *change = g_new0(Change, 1);

    *change = (Change){.call = call_copy(call), .mode = mode, .name = g_strdup(name), .body = body};
    return change;
}

/* What a copy has instead of its source's. */
static gboolean check_profiles(const Call *call, const json_t *asked, GError **error)
{
    const char *project = call_project_for(call, KIND_PROFILE);
    const json_t *profiles = json_object_get(asked, "profiles");
    const json_t *profile;
    size_t i;

    json_array_foreach (profiles, i, profile) {
        const char *name = json_string_value(profile);

        if (snapshot_find(call->model, KIND_PROFILE, project, name) == NULL)
            return error_set(error, ERR_INVALID, "profiles: there is no profile %s", name);
    }
    return TRUE;
}

/* `lxc copy` on one server. */
static gboolean copy(Call *call, const json_t *asked, GError **error)
{
    const json_t *source = json_object_get(asked, "source");
    const char *name = json_member_string(source, "source");
    const char *project = json_member_string(source, "project");
    NewName *taken;
    Change *change;

    if (project == NULL || *project == '\0')
        project = call->project;
    if (name == NULL || *name == '\0')
        return error_set(error, ERR_INVALID, "source.source: names no instance to copy");
    if (strchr(name, '/') != NULL)
        return error_set(error, ERR_UNSUPPORTED,
                         "source.source: copying a snapshot is not supported by this build");
    if (json_is_true(json_object_get(source, "refresh")))
        return error_set(error, ERR_UNSUPPORTED,
                         "source.refresh: refreshing a copy is not supported by this build");
    if (!caller_may_use(call->caller, project) ||
        snapshot_find(call->model, KIND_INSTANCE, project, name) == NULL)
        return error_set(error, ERR_NOT_FOUND, "Instance not found");
    if (!check_profiles(call, asked, error))
        return FALSE;
    taken = new_name_take(call, json_object_get(asked, "name"), error);
    if (taken == NULL)
        return FALSE;
    change = change_new(call, EDIT_CREATE, new_name_text(taken), json_incref((json_t *)asked));
    change->taken = taken;
    change->source = g_strdup(name);
    change->source_project = g_strdup(project);
    change->inconsistent = json_is_true(json_object_get(source, "allow_inconsistent"));
    return begin(call, "Creating instance", change, error);
}

/* API-150: other than JSON is a backup to import. */
static gboolean is_backup(const Call *call)
{
    return g_strcmp0(request_header(call->request, "Content-Type"), "application/octet-stream") ==
           0;
}

static gboolean make(Call *call, GError **error)
{
    g_autoptr(json_t) asked = is_backup(call) ? NULL : call_body(call, error);
    const char *type = json_string_at(asked, "source/type");
    g_autoptr(json_t) body = NULL;
    NewName *taken;
    Change *change;

    if (is_backup(call))
        return error_set(error, ERR_NOT_IMPLEMENTED, "backups are not in this build of berth");
    if (g_strcmp0(type, "copy") == 0)
        return copy(call, asked, error);
    body = asked != NULL ? instance_new_body(call, asked, error) : NULL;
    taken = body != NULL ? new_name_take(call, json_object_get(asked, "name"), error) : NULL;
    if (taken == NULL)
        return FALSE;
    change = change_new(call, EDIT_CREATE, new_name_text(taken), json_incref(body));
    change->taken = taken;
    if (!instance_new_check(call, change->name, body, error)) {
        change_free(change);
        return FALSE;
    }
    return begin(call, "Creating instance", change, error);
}

static gboolean check_etag(Call *call, const Object *object, GError **error)
{
    g_autofree char *etag = wire_etag(object);

    return call_matches(call, etag, error);
}

static gboolean replace(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_autoptr(json_t) body = object != NULL ? call_body(call, error) : NULL;
    g_autoptr(Plan) ahead = NULL;
    Change *change;
    Edit edit;

    /* Mistakes are told at once; all is looked at again in the transaction. */
    if (body == NULL || !check_etag(call, object, error))
        return FALSE;
    change = change_new(call, EDIT_REPLACE, object->id.name, json_incref(body));
    edit = edit_of(change);
    ahead = call_is_dry_run(call)
                ? NULL
                : engine_look_ahead(call->daemon->engine, edit_plan, &edit, error);
    if (ahead != NULL || call_is_dry_run(call))
        return begin(call, "Updating instance", change, error);
    change_free(change);
    return FALSE;
}

static gboolean merge(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_autoptr(json_t) body = object != NULL ? call_body(call, error) : NULL;

    if (body == NULL || !edit_run(call, EDIT_MERGE, KIND_INSTANCE, object->id.name, body, error))
        return FALSE;
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

static gboolean runs(Call *call, const Object *object)
{
    g_autofree char *disk = disk_name(object->id.project, object->id.name);

    return instance_status(call->daemon->dir, disk) != INSTANCE_STOPPED;
}

/* What of an InstancePost (API-540) is more than can be done. */
static gboolean check_move(const json_t *body, GError **error)
{
    const json_t *target = json_object_get(body, "target");
    const char *text = json_string_value(target);

    return target == NULL || json_is_null(target) || json_is_false(target) ||
           (text != NULL && *text == '\0') ||
           error_set(error, ERR_UNSUPPORTED,
                     "target: moving an instance to another server is not supported by this build; "
                     "it can be renamed, and moved to another project or pool");
}

/* API-540: `project` is another one than the instance's. */
static gboolean move_to_project(Call *call, const Object *object, const char *project,
                                const char *name, const char *pool, GError **error)
{
    Change *change;

    if (!caller_may_use(call->caller, project) ||
        snapshot_find(call->model, KIND_PROJECT, "", project) == NULL)
        return error_set(error, ERR_NOT_FOUND, "Project \"%s\" does not exist", project);
    change = change_new(call, EDIT_CREATE, name, NULL);
    change->source = g_strdup(object->id.name);
    change->source_project = g_strdup(object->id.project);
    change->target_project = g_strdup(project);
    change->pool = g_strdup(pool);
    return begin(call, "Migrating instance", change, error);
}

static gboolean check_new_name(const Call *call, const char *name, GError **error)
{
    if (!KINDS[KIND_INSTANCE]->check_name(name, error))
        return FALSE;
    return snapshot_find(call->model, KIND_INSTANCE, call->project, name) == NULL ||
           error_set(error, ERR_EXISTS, "Name \"%s\" already in use", name);
}

/* EXT-228: a copy of the root on another pool takes the place of the one that is there. */
static gboolean move_to_pool(Call *call, const Object *object, const char *pool, const char *name,
                             GError **error)
{
    g_autofree char *present = instance_root_pool(call->model, object);
    Change *change;

    if (g_strcmp0(present, pool) == 0)
        return error_set(error, ERR_INVALID, "Instance \"%s\" is on storage pool \"%s\" already",
                         object->id.name, pool);
    if (snapshot_find(call->model, KIND_POOL, "", pool) == NULL)
        return error_set(error, ERR_NOT_FOUND, "Storage pool \"%s\" does not exist", pool);
    if (strcmp(name, object->id.name) != 0 && !check_new_name(call, name, error))
        return FALSE;
    change = change_new(call, EDIT_MERGE, object->id.name, NULL);
    change->pool = g_strdup(pool);
    change->name_there = g_strdup(name);
    return begin(call, "Migrating instance", change, error);
}

static gboolean move(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_autoptr(json_t) body = object != NULL ? call_body(call, error) : NULL;
    const char *name = json_member_string(body, "name");
    const char *project = json_member_string(body, "project");
    const char *pool = json_member_string(body, "pool");

    if (body == NULL || !check_move(body, error))
        return FALSE;
    if (runs(call, object))
        return error_set(error, ERR_INVALID, "Renaming of running instance not allowed");
    if (name == NULL || *name == '\0')
        name = NULL;
    if (pool != NULL && *pool == '\0')
        pool = NULL;
    if (project != NULL && *project != '\0' && strcmp(project, object->id.project) != 0)
        return move_to_project(call, object, project, name != NULL ? name : object->id.name, pool,
                               error);
    if (pool != NULL)
        return move_to_pool(call, object, pool, name != NULL ? name : object->id.name, error);
    if (json_is_true(json_object_get(body, "migration")))
        return error_set(error, ERR_UNSUPPORTED,
                         "migration: moving an instance to another server is not supported by this "
                         "build");
    if (name == NULL)
        return error_set(error, ERR_INVALID, "No name provided");
    if (!check_new_name(call, name, error))
        return FALSE;
    return begin(call, "Renaming instance",
                 change_new(call, EDIT_RENAME, object->id.name, json_incref(body)), error);
}

static gboolean delete (Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);

    if (object == NULL)
        return FALSE;
    if (runs(call, object))
        return error_set(error, ERR_INVALID, "Instance is running");
    return begin(call, "Deleting instance", change_new(call, EDIT_DELETE, object->id.name, NULL),
                 error);
}

/* What an instance of this build has none of, and cannot get. */
static gboolean list_none(Call *call, GError **error)
{
    if (call_object(call, KIND_INSTANCE, call->words[0], error) == NULL)
        return FALSE;
    answer_sync(call->request, 200, json_array(), NULL);
    return TRUE;
}

static gboolean refuse(Call *call, GError **error)
{
    if (call_object(call, KIND_INSTANCE, call->words[0], error) == NULL)
        return FALSE;
    return error_set(error, ERR_NOT_IMPLEMENTED, "%s are not in this build of berth",
                     strrchr(call->route->path, '/') + 1);
}

const Route ROUTES_INSTANCES[] = {
    {"GET", "instances/*/snapshots", ACCESS_PROJECT, ROUTE_QUICK, list_none},
    {"POST", "instances/*/snapshots", ACCESS_PROJECT, ROUTE_DRY, refuse},
    {"GET", "instances/*/backups", ACCESS_PROJECT, ROUTE_QUICK, list_none},
    {"POST", "instances/*/backups", ACCESS_PROJECT, ROUTE_DRY, refuse},
    {"GET", "instances", ACCESS_PROJECT, 0, list},
    {"POST", "instances", ACCESS_PROJECT, ROUTE_DRY, make},
    {"GET", "instances/*", ACCESS_PROJECT, ROUTE_QUICK_ALONE, show},
    {"PUT", "instances/*", ACCESS_PROJECT, ROUTE_DRY, replace},
    {"PATCH", "instances/*", ACCESS_PROJECT, ROUTE_DRY, merge},
    {"POST", "instances/*", ACCESS_PROJECT, ROUTE_DRY, move},
    {"DELETE", "instances/*", ACCESS_PROJECT, ROUTE_DRY, delete},
    {0},
};
