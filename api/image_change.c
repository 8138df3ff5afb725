#include "image_change.h"

#include "document.h"
#include "error.h"
#include "image_list.h"

typedef struct {
    Call *call;
    const char *fingerprint;
    gboolean (*matches)(const Call *call, const Object *image, const void *data, GError **error);
    ImageChange change;
    const void *data;
} Work;

static Plan *plan_change(Engine *engine, void *data, GError **error)
{
    const Work *work = data;
    const Snapshot *model = engine_stored(engine);
    const char *project = call_project_for(work->call, KIND_IMAGE);
    const Object *image = image_by_fingerprint(model, project, work->fingerprint);
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(json_t) spec = NULL;
    g_autoptr(Object) read = NULL;
    PlanOptions options = {.forbid_restart = TRUE};

    if (image == NULL) {
        error_set(error, ERR_NOT_FOUND, "Image not found");
        return NULL;
    }
    spec = json_deep_copy(image->spec);
    if ((work->matches != NULL && !work->matches(work->call, image, work->data, error)) ||
        !work->change(model, image, spec, work->data, error))
        return NULL;
    read = document_object_from_json(KINDS[KIND_IMAGE], project, image->id.name, spec, problems);
    if (!problems_to_error(problems, TRUE, error))
        return NULL;
    g_ptr_array_add(objects, object_with(image, read->spec, NULL));
    return engine_plan_change(engine, objects, NULL, &options, error);
}

gboolean image_change(Call *call, const char *fingerprint,
                      gboolean (*matches)(const Call *call, const Object *image, const void *data,
                                          GError **error),
                      ImageChange change, const void *data, GError **error)
{
    Work work = {call, fingerprint, matches, change, data};

    return call_transact(call, plan_change, &work, error);
}

char *image_etag(const Object *image)
{
    g_autoptr(json_t) wire = image_wire(image, NULL);
    g_autoptr(json_t) edited = json_pack(
        "{s:O, s:O, s:O}", "public", json_object_get(wire, "public"), "auto_update",
        json_object_get(wire, "auto_update"), "properties", json_object_get(wire, "properties"));

    return json_digest(edited);
}
