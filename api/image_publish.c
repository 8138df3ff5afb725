#include "image_publish.h"

#include <string.h>

#include "dry_run.h"
#include "error.h"
#include "expand.h"
#include "file.h"
#include "image/pack.h"
#include "image_import.h"
#include "instance/metadata.h"
#include "instance/status.h"
#include "paths.h"

typedef struct {
    Daemon *daemon;
    Caller *caller;
    char *project, *cause;
    char *key; /* of the instance */
    json_t *body;
} Publish;

static void publish_free(gpointer data)
{
    Publish *publish = data;

    caller_unref(publish->caller);
    g_free(publish->project);
    g_free(publish->cause);
    g_free(publish->key);
    json_decref(publish->body);
    g_free(publish);
}

/* IMG-052: the request's, the project's, the server's. */
static char *compressor_of(const Publish *publish, const Snapshot *model)
{
    static const char key[] = "images.compression_algorithm";
    const char *asked = json_member_string(publish->body, "compression_algorithm");
    const Object *project = snapshot_find(model, KIND_PROJECT, "", publish->project);
    const Object *server = snapshot_find(model, KIND_SERVER, "", "");

    if (asked == NULL || *asked == '\0')
        asked = project != NULL ? object_config(project, key) : NULL;
    if (asked == NULL || *asked == '\0')
        asked = server != NULL ? object_config(server, key) : NULL;
    return g_strdup(asked != NULL && *asked != '\0' ? asked : "gzip");
}

/* What the image says of itself: the instance's metadata, with the properties of the request in the
 * place of its own (IMG-054). NULL with an error. */
static json_t *metadata_of(const Publish *publish, const Object *instance, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) metadata = instance_metadata_get(publish->daemon->host, instance, &failure);
    const json_t *properties = json_object_get(publish->body, "properties");
    const char *architecture = json_member_string(instance->spec, "architecture");
    g_autofree char *native = NULL;

    if (metadata == NULL && !g_error_matches(failure, BERTH_ERROR, ERR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (metadata == NULL) {
        if (architecture == NULL)
            architecture = native = engine_architecture(publish->daemon->engine, error);
        if (architecture == NULL)
            return NULL;
        metadata = json_pack("{s:s, s:{}}", "architecture", architecture, "properties");
    }
    json_object_set_new(metadata, "creation_date",
                        json_integer(g_get_real_time() / G_USEC_PER_SEC));
    json_object_del(metadata, "expiry_date");
    if (json_object_size(properties) > 0)
        json_object_set(metadata, "properties", (json_t *)properties);
    return g_steal_pointer(&metadata);
}

static char *volume_of(const Publish *publish, const Snapshot *model, const Object *instance,
                       GError **error)
{
    g_autofree char *disk = disk_name(instance->id.project, instance->id.name);
    g_autofree char *link = path_instance_link(publish->daemon->dir, disk);
    char *volume = g_file_read_link(link, NULL);

    if (volume == NULL)
        error_set(error, ERR_FAILED, "%s is no link to the instance's volume", link);
    return volume;
}

/* Runs, or has run since `since`. */
static gboolean check_stopped(const Publish *publish, const Object *instance, const Object *since,
                              GError **error)
{
    g_autofree char *disk = disk_name(instance->id.project, instance->id.name);

    if (instance_status(publish->daemon->dir, disk) == INSTANCE_STOPPED &&
        json_integer_value(json_object_get(instance->generated, "$last_used")) ==
            json_integer_value(json_object_get(since->generated, "$last_used")))
        return TRUE;
    return error_set(error, ERR_INVALID, "Instance \"%s\" is running: stop it to publish it",
                     instance->id.name);
}

/* The packed instance; -1 with an error. */
static int pack(const Publish *publish, GError **error)
{
    static GMutex one; /* IMG-051 */
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&one);
    g_autoptr(Snapshot) model = engine_ref_stored(publish->daemon->engine);
    g_autoptr(Snapshot) now = NULL;
    const Object *instance = snapshot_get(model, publish->key);
    const Object *after;
    g_autoptr(json_t) metadata = NULL;
    g_autofree char *volume = NULL;
    g_autofree char *compressor = compressor_of(publish, model);
    g_auto(Fd) fd = -1;

    if (instance == NULL) {
        error_set(error, ERR_NOT_FOUND, "Instance not found");
        return -1;
    }
    volume = volume_of(publish, model, instance, error);
    if (volume == NULL || !check_stopped(publish, instance, instance, error))
        return -1;
    metadata = metadata_of(publish, instance, error);
    if (metadata == NULL)
        return -1;
    fd = image_pack(publish->daemon->dir, volume, metadata, compressor, error);
    now = engine_ref_stored(publish->daemon->engine);
    after = snapshot_get(now, publish->key);
    if (fd >= 0 && after == NULL) {
        error_set(error, ERR_NOT_FOUND, "the instance was deleted meanwhile");
        return -1;
    }
    return fd >= 0 && check_stopped(publish, after, instance, error) ? fd_steal(&fd) : -1;
}

static ImageImport import_of(const Publish *publish, int file)
{
    return (ImageImport){
        .daemon = publish->daemon,
        .caller = publish->caller,
        .project = publish->project,
        .cause = publish->cause,
        .file = file,
        .rootfs = -1,
        .filename = json_member_string(publish->body, "filename"),
        .wanted = publish->body,
    };
}

static gboolean run(Operation *operation, void *data, GError **error)
{
    Publish *publish = data;
    g_auto(Fd) file = -1;
    json_t *result = NULL;
    ImageImport import;

    operation_set_metadata(
        operation,
        json_pack("{s:s}", "create_image_from_container_pack_progress", "Image pack: running"));
    file = pack(publish, error);
    if (file < 0)
        return FALSE;
    import = import_of(publish, file);
    import.cancel = operation_cancel_flag(operation);
    if (!image_import(&import, &result, error))
        return FALSE;
    operation_set_metadata(operation, result);
    return TRUE;
}

/* Its files have to be packed for it: their digest is the image's name. */
static Plan *plan(const Publish *publish, GError **error)
{
    g_auto(Fd) file = pack(publish, error);
    ImageImport import = import_of(publish, file);
    Plan *made = file >= 0 ? image_import_plan(&import, NULL, error) : NULL;

    if (made != NULL)
        g_ptr_array_add(made->warnings, g_strdup("the fingerprint is that of an image made now: it "
                                                 "holds the time at which it is made"));
    return made;
}

gboolean image_publish(Call *call, const json_t *body, GError **error)
{
    const char *name = json_string_at(body, "source/name");
    const char *project = json_string_at(body, "source/project");
    const Object *instance;
    Operation *operation;
    Publish *publish;

    if (project == NULL || *project == '\0')
        project = call->project;
    instance = name != NULL && caller_may_use(call->caller, project)
                   ? snapshot_find(call->model, KIND_INSTANCE, project, name)
                   : NULL;
    if (instance == NULL)
        return error_set(error, ERR_NOT_FOUND, "Instance not found");
    publish = g_new0(Publish, 1);
    *publish = (Publish){
        .daemon = call->daemon,
        .caller = caller_ref(call->caller),
        .project = g_strdup(call_project_for(call, KIND_IMAGE)),
        .cause = g_strdup("api POST /1.0/images"),
        .key = g_strdup(instance->key),
        .body = json_deep_copy(body),
    };
    if (!check_stopped(publish, instance, instance, error)) {
        publish_free(publish);
        return FALSE;
    }
    if (call_is_dry_run(call)) {
        gboolean shown = dry_run_answer(call, plan(publish, error));

        publish_free(publish);
        return shown;
    }
    operation = call_operation(call, OPERATION_TASK, "Creating image from instance");
    call_start(call, operation, run, publish, publish_free);
    return TRUE;
}
