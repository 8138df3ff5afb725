/* What an instance keeps of its image: metadata.yaml and templates (API-171..176). */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "dry_run.h"
#include "error.h"
#include "file.h"
#include "instance/metadata.h"
#include "session.h"

/* ---- metadata.yaml ---- */

static char *etag_of(const json_t *metadata)
{
    g_autofree char *text = json_text(metadata);

    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

static gboolean show(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_autoptr(json_t) metadata =
        object != NULL ? instance_metadata_get(call->daemon->host, object, error) : NULL;
    g_autofree char *etag = NULL;

    if (metadata == NULL)
        return FALSE;
    etag = etag_of(metadata);
    session_tell(call, object, "instance-metadata-retrieved", "metadata", NULL);
    if (json_object_get(metadata, "expiry_date") == NULL)
        json_object_set_new(metadata, "expiry_date", json_integer(0)); /* never */
    answer_sync(call->request, 200, g_steal_pointer(&metadata), etag);
    return TRUE;
}

/* PATCH: members that are not sent stay, and so do keys of properties and templates. */
static void add_stored(json_t *body, const json_t *stored)
{
    const char *key;
    json_t *value;

    json_object_foreach (body, key, value) {
        json_t *old = json_object_get(stored, key);

        if (json_is_object(value) && json_is_object(old))
            json_object_update_missing(value, old);
    }
    json_object_update_missing(body, (json_t *)stored);
}

/* What is read, compared with If-Match and written must be one step: one change at a time. */
static gboolean change(Call *call, gboolean merge, GError **error)
{
    static GMutex changes;
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&changes);
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_autoptr(json_t) body = object != NULL ? call_body(call, error) : NULL;
    g_autoptr(json_t) stored =
        body != NULL ? instance_metadata_get(call->daemon->host, object, error) : NULL;
    g_autofree char *etag = stored != NULL ? etag_of(stored) : NULL;

    if (stored == NULL || !call_matches(call, etag, error))
        return FALSE;
    if (merge)
        add_stored(body, stored);
    if (call_is_dry_run(call))
        return dry_run_would(call, error, "the metadata of instance %s would be changed",
                             object->id.name);
    if (!instance_metadata_put(call->daemon->host, object, body, error))
        return FALSE;
    session_tell(call, object, "instance-metadata-updated", "metadata", NULL);
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

static gboolean replace(Call *call, GError **error)
{
    return change(call, FALSE, error);
}

static gboolean merge(Call *call, GError **error)
{
    return change(call, TRUE, error);
}

/* ---- templates ---- */

/* EV-140..142 */
static void tell(Call *call, const Object *object, const char *action, const char *name)
{
    session_tell(call, object, action, "metadata/templates", json_pack("{s:s}", "path", name));
}

static gboolean show_templates(Call *call, GError **error)
{
    static const char *const headers[] = {"Content-Type", "application/octet-stream", NULL};
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    const char *name = request_query(call->request, "path");
    g_auto(GStrv) names = NULL;
    g_autoptr(GBytes) text = NULL;
    char *content;
    gsize length;
    json_t *list;

    if (object == NULL)
        return FALSE;
    if (name != NULL && *name != '\0') {
        content = instance_template_get(call->daemon->host, object, name, &length, error);
        if (content == NULL)
            return FALSE;
        text = g_bytes_new_take(content, length);
        tell(call, object, "instance-metadata-template-retrieved", name);
        request_answer(call->request, 200, headers, text);
        return TRUE;
    }
    names = instance_templates(call->daemon->host, object, error);
    if (names == NULL)
        return FALSE;
    list = json_array();
    for (char **each = names; *each != NULL; each++)
        json_array_append_new(list, json_string(*each));
    answer_sync(call->request, 200, list, NULL);
    return TRUE;
}

static const Object *find_template(Call *call, const char **ret_name, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);

    *ret_name = request_query(call->request, "path");
    if (object != NULL && (*ret_name == NULL || **ret_name == '\0')) {
        error_set(error, ERR_INVALID, "missing path argument");
        return NULL;
    }
    return object;
}

static gboolean put_template(Call *call, GError **error)
{
    const char *name;
    const Object *object = find_template(call, &name, error);
    GBytes *body = request_body(call->request);
    gsize length;
    const char *text = g_bytes_get_data(body, &length);

    if (object == NULL)
        return FALSE;
    if (call_is_dry_run(call))
        return dry_run_would(call, error, "the template %s of instance %s would be written", name,
                             object->id.name);
    if (!instance_template_put(call->daemon->host, object, name, text != NULL ? text : "", length,
                               error))
        return FALSE;
    tell(call, object, "instance-metadata-template-created", name);
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

static gboolean delete_template(Call *call, GError **error)
{
    const char *name;
    const Object *object = find_template(call, &name, error);

    if (object == NULL)
        return FALSE;
    if (call_is_dry_run(call)) {
        gsize length;
        g_autofree char *there =
            instance_template_get(call->daemon->host, object, name, &length, error);

        return there != NULL &&
               dry_run_would(call, error, "the template %s of instance %s would be deleted", name,
                             object->id.name);
    }
    if (!instance_template_delete(call->daemon->host, object, name, error))
        return FALSE;
    tell(call, object, "instance-metadata-template-deleted", name);
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

const Route ROUTES_METADATA[] = {
    {"GET", "instances/*/metadata", ACCESS_PROJECT, 0, show},
    {"PUT", "instances/*/metadata", ACCESS_PROJECT, ROUTE_DRY, replace},
    {"PATCH", "instances/*/metadata", ACCESS_PROJECT, ROUTE_DRY, merge},
    {"GET", "instances/*/metadata/templates", ACCESS_PROJECT, 0, show_templates},
    {"POST", "instances/*/metadata/templates", ACCESS_PROJECT, ROUTE_DRY, put_template},
    {"DELETE", "instances/*/metadata/templates", ACCESS_PROJECT, ROUTE_DRY, delete_template},
    {0},
};
