/* Aliases of images (API-142..148). LXD keeps them beside the images; here they are a field of the
 * image's object, and moving one is a change of two objects. */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "document.h"
#include "dry_run.h"
#include "error.h"
#include "image_list.h"

/* ---- reading ---- */

static gboolean list(Call *call, GError **error)
{
    g_autoptr(json_t) found = json_array();
    guint first, count;

    snapshot_range(call->model, KIND_IMAGE, call_project_for(call, KIND_IMAGE), &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *image = snapshot_at(call->model, i);
        g_autoptr(GPtrArray) names = image_aliases(image);

        for (guint j = 0; j < names->len; j++) {
            g_autofree char *escaped = g_uri_escape_string(names->pdata[j], NULL, FALSE);
            g_autofree char *path = g_strdup_printf("images/aliases/%s", escaped);
            g_autofree char *url = call_url(call, path);

            json_array_append_new(found, call->recursion > 0
                                             ? image_alias_wire(image, names->pdata[j])
                                             : json_string(url));
        }
    }
    answer_sync(call->request, 200, g_steal_pointer(&found), NULL);
    return TRUE;
}

static char *etag_of(const Object *image, const char *alias)
{
    g_autoptr(json_t) wire = image_alias_wire(image, alias);

    return json_digest(wire);
}

static gboolean show(Call *call, GError **error)
{
    const char *alias = call->words[0];
    const Object *image = image_by_alias(call->model, call_project_for(call, KIND_IMAGE), alias);
    g_autofree char *etag = NULL;

    if (image == NULL || !image_is_visible(call, image))
        return error_set(error, ERR_NOT_FOUND, "Image alias not found");
    etag = etag_of(image, alias);
    answer_sync(call->request, 200, image_alias_wire(image, alias), etag);
    return TRUE;
}

/* ---- changing ---- */

/* One alias before and after; a new one has no `old`, one that goes no `name`. */
typedef struct {
    Call *call;
    const char *old;
    const char *name;
    const char *target;      /* fingerprint or the beginning of one; NULL: as it was */
    const char *description; /* NULL: as it was */
} Change;

static const Object *find_target(const Snapshot *model, const char *project, const char *prefix,
                                 GError **error)
{
    const Object *found = NULL;
    guint first, count;

    snapshot_range(model, KIND_IMAGE, project, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *image = snapshot_at(model, i);
        const char *print = image_fingerprint(image);

        if (print == NULL || !g_str_has_prefix(print, prefix))
            continue;
        if (found != NULL) {
            error_set(error, ERR_INVALID, "Partial fingerprint matches more than one image");
            return NULL;
        }
        found = image;
    }
    if (found == NULL)
        error_set(error, ERR_NOT_FOUND, "Image not found");
    return found;
}

static json_t *member(json_t *spec, const char *name, json_t *fresh)
{
    if (json_object_get(spec, name) == NULL)
        json_object_set(spec, name, fresh);
    json_decref(fresh);
    return json_object_get(spec, name);
}

static void take_out(json_t *spec, const char *alias)
{
    json_t *names = json_object_get(spec, "aliases");

    for (size_t i = json_array_size(names); i-- > 0;)
        if (g_strcmp0(json_string_value(json_array_get(names, i)), alias) == 0)
            json_array_remove(names, i);
    json_object_del(json_object_get(spec, "alias_descriptions"), alias);
}

static void put_in(json_t *spec, const char *alias, const char *description)
{
    json_t *texts = member(spec, "alias_descriptions", json_object());

    json_array_append_new(member(spec, "aliases", json_array()), json_string(alias));
    if (description != NULL && *description != '\0')
        json_object_set_new(texts, alias, json_string(description));
}

/* Adds the image with a spec (stolen) to what the plan puts in. */
static gboolean put(GPtrArray *objects, const Object *image, json_t *spec, GError **error)
{
    g_autoptr(json_t) owned = spec;
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(Object) read = document_object_from_json(KINDS[KIND_IMAGE], image->id.project,
                                                       image->id.name, owned, problems);

    if (!problems_to_error(problems, TRUE, error))
        return FALSE;
    g_ptr_array_add(objects, object_with(image, read->spec, NULL));
    return TRUE;
}

static gboolean check(const Change *change, const Snapshot *model, const Object *old,
                      GError **error)
{
    const char *project = call_project_for(change->call, KIND_IMAGE);
    g_autofree char *etag = NULL;

    if (change->old != NULL && old == NULL)
        return error_set(error, ERR_NOT_FOUND, "Image alias not found");
    if (old != NULL) {
        etag = etag_of(old, change->old);
        if (!call_matches(change->call, etag, error))
            return FALSE;
        if (strcmp(old->id.name, change->old) == 0)
            return error_set(error, ERR_UNSUPPORTED,
                             "\"%s\" is the name under which a state file declares the image: "
                             "change it there",
                             change->old);
    }
    if (change->name != NULL && g_strcmp0(change->name, change->old) != 0 &&
        image_by_alias(model, project, change->name) != NULL)
        return error_set(error, ERR_EXISTS, "Alias \"%s\" already exists", change->name);
    return TRUE;
}

static Plan *plan_alias(Engine *engine, void *data, GError **error)
{
    const Change *change = data;
    const Snapshot *model = engine_stored(engine);
    const char *project = call_project_for(change->call, KIND_IMAGE);
    const Object *old = change->old != NULL ? image_by_alias(model, project, change->old) : NULL;
    const Object *image = old;
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autofree char *description = g_strdup(change->description);
    PlanOptions options = {.forbid_restart = TRUE};
    json_t *spec;

    if (!check(change, model, old, error))
        return NULL;
    if (change->target != NULL) {
        image = find_target(model, project, change->target, error);
        if (image == NULL)
            return NULL;
    }
    if (description == NULL && old != NULL)
        description = g_strdup(
            json_member_string(json_object_get(old->spec, "alias_descriptions"), change->old));
    if (old != NULL && old != image) {
        spec = json_deep_copy(old->spec);
        take_out(spec, change->old);
        if (!put(objects, old, spec, error))
            return NULL;
    }
    spec = json_deep_copy(image->spec);
    if (change->old != NULL)
        take_out(spec, change->old);
    if (change->name != NULL)
        put_in(spec, change->name, description);
    if (!put(objects, image, spec, error))
        return NULL;
    return engine_plan_change(engine, objects, NULL, &options, error);
}

static gboolean carry_out(Call *call, Change change, const char *verb, GError **error)
{
    const char *name = change.name != NULL ? change.name : change.old;
    g_autofree char *escaped = g_uri_escape_string(name, NULL, FALSE);
    g_autofree char *path = g_strdup_printf("images/aliases/%s", escaped);
    g_autofree char *url = call_url(call, path);
    g_autofree char *action = g_strconcat("image-alias-", verb, NULL);
    gboolean renamed = strcmp(verb, "renamed") == 0;

    change.call = call;
    if (!call_transact(call, plan_alias, &change, error))
        return FALSE;
    if (!call_is_dry_run(call))
        events_lifecycle(call->daemon->events, action, call->project, path,
                         renamed ? json_pack("{s:s}", "old_name", change.old) : NULL, call->caller);
    if (renamed || change.old == NULL)
        answer_created(call->request, url);
    else
        answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

/* An alias names its target; elsewhere a target is an object. */
static json_t *alias_body(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    const json_t *target = json_object_get(body, "target");

    if (target == NULL || json_is_null(target) || json_is_string(target))
        return g_steal_pointer(&body);
    error_set(error, ERR_INVALID, "target: it has to be a text");
    return NULL;
}

static const char *text_in(const json_t *body, const char *key)
{
    const char *text = json_member_string(body, key);

    return text != NULL && *text != '\0' ? text : NULL;
}

static gboolean make(Call *call, GError **error)
{
    g_autoptr(json_t) body = alias_body(call, error);
    Change change = {.name = text_in(body, "name"),
                     .target = text_in(body, "target"),
                     .description = json_member_string(body, "description")};

    if (body == NULL)
        return FALSE;
    if (change.name == NULL || change.target == NULL)
        return error_set(error, ERR_INVALID, "name and target are required");
    return carry_out(call, change, "created", error);
}

static gboolean replace(Call *call, GError **error)
{
    g_autoptr(json_t) body = alias_body(call, error);
    const char *description = json_member_string(body, "description");
    Change change = {.old = call->words[0],
                     .name = call->words[0],
                     .target = text_in(body, "target"),
                     .description = description != NULL ? description : ""};

    if (body == NULL)
        return FALSE;
    if (change.target == NULL)
        return error_set(error, ERR_INVALID, "The target field is required");
    return carry_out(call, change, "updated", error);
}

static gboolean merge(Call *call, GError **error)
{
    g_autoptr(json_t) body = alias_body(call, error);
    Change change = {.old = call->words[0],
                     .name = call->words[0],
                     .target = text_in(body, "target"),
                     .description = json_member_string(body, "description")};

    return body != NULL && carry_out(call, change, "updated", error);
}

static gboolean rename_alias(Call *call, GError **error)
{
    g_autoptr(json_t) body = alias_body(call, error);
    Change change = {.old = call->words[0], .name = text_in(body, "name")};

    if (body == NULL)
        return FALSE;
    if (change.name == NULL)
        return error_set(error, ERR_INVALID, "No name provided");
    if (strcmp(change.name, change.old) == 0 &&
        image_by_alias(call->model, call_project_for(call, KIND_IMAGE), change.old) != NULL)
        return error_set(error, ERR_EXISTS, "Alias \"%s\" already exists", change.name);
    return carry_out(call, change, "renamed", error);
}

static gboolean delete (Call *call, GError **error)
{
    return carry_out(call, (Change){.old = call->words[0]}, "deleted", error);
}

const Route ROUTES_IMAGE_ALIASES[] = {
    {"GET", "images/aliases", ACCESS_PROJECT, 0, list},
    {"POST", "images/aliases", ACCESS_PROJECT, ROUTE_DRY, make},
    {"GET", "images/aliases/*", ACCESS_OPEN, 0, show},
    {"PUT", "images/aliases/*", ACCESS_PROJECT, ROUTE_DRY, replace},
    {"PATCH", "images/aliases/*", ACCESS_PROJECT, ROUTE_DRY, merge},
    {"POST", "images/aliases/*", ACCESS_PROJECT, ROUTE_DRY, rename_alias},
    {"DELETE", "images/aliases/*", ACCESS_PROJECT, ROUTE_DRY, delete},
    {0},
};
