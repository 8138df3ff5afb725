/* Images (API-132..141). */
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "call.h"
#include "dry_run.h"
#include "error.h"
#include "filter.h"
#include "image_change.h"
#include "image_export.h"
#include "image_import.h"
#include "image_list.h"
#include "image_publish.h"
#include "image_pull.h"
#include "image_secret.h"
#include "image_upload.h"
#include "notes.h"

#define JSON_LIMIT (4u << 20)

/* ---- reading ---- */

static gboolean list(Call *call, GError **error)
{
    const char *text = request_query(call->request, "filter");
    g_autoptr(Filter) filter = filter_parse(text != NULL ? text : "", error);
    g_autoptr(json_t) found = json_array();
    g_autoptr(json_t) uses = NULL;
    guint first, count;

    if (filter == NULL)
        return FALSE;
    uses = engine_notes(call->daemon->engine, SPACE_IMAGES, error);
    if (uses == NULL)
        return FALSE;
    snapshot_range(call->model, KIND_IMAGE, call_project_for(call, KIND_IMAGE), &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *image = snapshot_at(call->model, i);
        g_autoptr(json_t) wire = NULL;

        if (image_fingerprint(image) == NULL || !image_is_visible(call, image))
            continue;
        wire = image_wire(image, uses);
        if (!filter_matches(filter, wire))
            continue;
        if (call->recursion > 0) {
            json_array_append(found, wire);
        } else {
            g_autofree char *path = g_strdup_printf("images/%s", image_fingerprint(image));
            g_autofree char *url = call_url(call, path);

            json_array_append_new(found, json_string(url));
        }
    }
    answer_sync(call->request, 200, g_steal_pointer(&found), NULL);
    return TRUE;
}

static gboolean show(Call *call, GError **error)
{
    const Object *image = image_find(call, call->words[0], error);
    g_autofree char *etag = NULL;
    g_autoptr(json_t) uses = NULL;

    if (image == NULL)
        return FALSE;
    uses = engine_notes(call->daemon->engine, SPACE_IMAGES, error);
    if (uses == NULL)
        return FALSE;
    etag = image_etag(image);
    answer_sync(call->request, 200, image_wire(image, uses), etag);
    return TRUE;
}

static gboolean export_image(Call *call, GError **error)
{
    const Object *image = image_find(call, call->words[0], error);

    return image != NULL && image_export(call, image, error);
}

/* ---- new images ---- */

/* The body as JSON; NULL when it is an upload, or with an error. The body is in a file, for nobody
 * knows before what it is (IMG-021). */
static json_t *json_body(Call *call, GError **error)
{
    const char *type = request_header(call->request, "Content-Type");
    gboolean said = type != NULL && g_ascii_strncasecmp(type, "application/json", 16) == 0;
    gboolean open = type == NULL || strstr(type, "octet-stream") == NULL;
    guint64 size = 0;
    int fd = request_body_fd(call->request, &size);
    g_autofree char *text = NULL;
    json_t *body;

    if (!said && (!open || fd < 0 || size > JSON_LIMIT))
        return NULL;
    if (fd < 0 || size > JSON_LIMIT) {
        error_set(error, ERR_INVALID, "the body of the request is no JSON of at most %u bytes",
                  JSON_LIMIT);
        return NULL;
    }
    text = g_malloc(size);
    if (pread(fd, text, size, 0) != (ssize_t)size) {
        error_errno(error, errno, "read the body of the request");
        return NULL;
    }
    body = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(body))
        return body;
    json_decref(body);
    if (said)
        error_set(error, ERR_INVALID, "the body of the request is not a JSON object");
    return NULL;
}

static gboolean make(Call *call, GError **error)
{
    GError *failure = NULL;
    g_autoptr(json_t) body = json_body(call, &failure);
    const char *type = json_string_at(body, "source/type");

    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (body == NULL)
        return image_upload(call, error);
    if (g_strcmp0(type, "image") == 0 || g_strcmp0(type, "url") == 0)
        return image_pull_make(call, body, error);
    if (type != NULL && (g_str_equal(type, "instance") || g_str_equal(type, "container") ||
                         g_str_equal(type, "virtual-machine")))
        return image_publish(call, body, error);
    if (g_strcmp0(type, "snapshot") == 0)
        return error_set(error, ERR_UNSUPPORTED,
                         "source.type: publishing a snapshot is not supported by this build");
    return error_set(error, ERR_INVALID, "Invalid images JSON: source.type \"%s\" is none",
                     type != NULL ? type : "");
}

/* ---- changes ---- */

/* What comes from the metadata of a file that a state file names cannot be taken away (no import
 * has such). */
static gboolean check_properties(const Object *image, const json_t *body, GError **error)
{
    const json_t *properties = json_object_get(body, "properties");
    const char *name;
    json_t *value;

    if (properties == NULL)
        return TRUE;
    json_object_foreach (json_object_get(image->generated, "properties"), name, value)
        if (json_object_get(properties, name) == NULL)
            return error_set(
                error, ERR_UNSUPPORTED,
                "the property \"%s\" is in the metadata of the image's file: it can be "
                "changed, not removed",
                name);
    return TRUE;
}

static gboolean put_spec(const Snapshot *model, const Object *image, json_t *spec, const void *data,
                         GError **error)
{
    g_autoptr(json_t) body = json_copy((json_t *)data);
    static const char *const flags[] = {"public", "auto_update"};

    for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
        if (json_object_get(body, flags[i]) == NULL)
            json_object_set_new(body, flags[i], json_false());
    if (json_object_get(body, "properties") == NULL)
        json_object_set_new(body, "properties", json_object());
    if (json_object_get(body, "profiles") == NULL)
        json_object_set_new(body, "profiles", json_null());
    json_object_del(body, "aliases"); /* PUT does not write them */
    return check_properties(image, body, error) && image_set_spec(spec, body, error);
}

/* IMG-024: properties merge key by key. */
static gboolean patch_spec(const Snapshot *model, const Object *image, json_t *spec,
                           const void *data, GError **error)
{
    g_autoptr(json_t) body = json_copy((json_t *)data);
    const json_t *changes = json_object_get(body, "properties");

    if (changes != NULL) {
        g_autoptr(json_t) merged = json_copy(json_object_get(spec, "properties"));

        if (merged == NULL)
            merged = json_object();
        json_object_update(merged, (json_t *)changes);
        json_object_set(body, "properties", merged);
    }
    json_object_del(body, "aliases");
    return image_set_spec(spec, body, error);
}

static gboolean matches(const Call *call, const Object *image, const void *data, GError **error)
{
    g_autofree char *etag = image_etag(image);

    return call_matches(call, etag, error);
}

static gboolean change(Call *call, ImageChange how, GError **error)
{
    const Object *image = image_find(call, call->words[0], error);
    g_autoptr(json_t) body = image != NULL ? call_body(call, error) : NULL;

    if (body == NULL || !image_change(call, image_fingerprint(image), matches, how, body, error))
        return FALSE;
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

static gboolean replace(Call *call, GError **error)
{
    return change(call, put_spec, error);
}

static gboolean merge(Call *call, GError **error)
{
    return change(call, patch_spec, error);
}

/* ---- deleting ---- */

typedef struct {
    Daemon *daemon;
    Caller *caller;
    char *project, *fingerprint;
} Removal;

static void removal_free(gpointer data)
{
    Removal *removal = data;

    caller_unref(removal->caller);
    g_free(removal->project);
    g_free(removal->fingerprint);
    g_free(removal);
}

static Plan *plan_removal(Engine *engine, void *data, GError **error)
{
    const Removal *removal = data;
    const Object *image =
        image_by_fingerprint(engine_stored(engine), removal->project, removal->fingerprint);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    PlanOptions options = {.forbid_restart = TRUE};

    if (image == NULL) {
        error_set(error, ERR_NOT_FOUND, "Image not found");
        return NULL;
    }
    g_ptr_array_add(keys, image->key);
    return engine_plan_delete(engine, keys, &options, error);
}

static gboolean run_removal(Operation *operation, void *data, GError **error)
{
    Removal *removal = data;

    return daemon_transact(removal->daemon, removal->caller, "api DELETE /1.0/images",
                           operation_cancel_flag(operation), plan_removal, removal, error);
}

static gboolean delete (Call *call, GError **error)
{
    const Object *image = image_find(call, call->words[0], error);
    g_autofree char *path = NULL;
    g_autofree char *url = NULL;
    Operation *operation;
    Removal *removal;

    if (image == NULL)
        return FALSE;
    removal = g_new0(Removal, 1);
    *removal =
        (Removal){call->daemon, caller_ref(call->caller),
                  g_strdup(call_project_for(call, KIND_IMAGE)), g_strdup(image_fingerprint(image))};
    if (call_is_dry_run(call)) {
        gboolean shown = call_transact(call, plan_removal, removal, error);

        removal_free(removal);
        return shown;
    }
    operation = call_operation(call, OPERATION_TASK, "Deleting image");
    path = g_strdup_printf("images/%s", removal->fingerprint);
    url = call_url(call, path);
    operation_add_resource(operation, "images", url);
    call_start(call, operation, run_removal, removal, removal_free);
    return TRUE;
}

static gboolean push(Call *call, GError **error)
{
    return error_set(error, ERR_UNSUPPORTED,
                     "pushing an image to another server is not supported by this build: copy with "
                     "--mode=pull or --mode=relay");
}

const Route ROUTES_IMAGES[] = {
    {"GET", "images", ACCESS_OPEN, 0, list},
    {"POST", "images", ACCESS_PROJECT, ROUTE_FILE | ROUTE_DRY, make},
    {"GET", "images/*", ACCESS_OPEN, 0, show},
    {"PUT", "images/*", ACCESS_PROJECT, ROUTE_DRY, replace},
    {"PATCH", "images/*", ACCESS_PROJECT, ROUTE_DRY, merge},
    {"DELETE", "images/*", ACCESS_PROJECT, ROUTE_DRY, delete},
    {"GET", "images/*/export", ACCESS_OPEN, 0, export_image},
    {"POST", "images/*/export", ACCESS_PROJECT, ROUTE_DRY, push},
    {"POST", "images/*/refresh", ACCESS_PROJECT, ROUTE_DRY, image_pull_refresh},
    {"POST", "images/*/secret", ACCESS_PROJECT, ROUTE_DRY, image_secret_make},
    {0},
};
