#include "image_pull.h"

#include <string.h>

#include "answer.h"
#include "download.h"
#include "dry_run.h"
#include "error.h"
#include "file.h"
#include "image/remote.h"
#include "image_import.h"
#include "image_list.h"

typedef struct {
    Daemon *daemon;
    Caller *caller; /* NULL: berth itself */
    char *project, *cause;
    json_t *body;   /* with "source" */
    char *replaces; /* fingerprint of the image to refresh; NULL: a new one */
} Remote;

static void remote_free(gpointer data)
{
    Remote *remote = data;

    caller_unref(remote->caller);
    g_free(remote->project);
    g_free(remote->cause);
    g_free(remote->replaces);
    json_decref(remote->body);
    g_free(remote);
}

/* What the image is to be: what was asked for, over what the server says of it. */
static json_t *wanted_of(const Remote *remote, const ImageFound *found)
{
    json_t *wanted = json_copy(remote->body);
    json_t *properties = json_copy(found->properties);

    if (properties == NULL)
        properties = json_object();
    json_object_update(properties, json_object_get(remote->body, "properties"));
    json_object_set_new(wanted, "properties", properties);
    return wanted;
}

/* ---- fetching ---- */

static gboolean find(const Remote *remote, ImageFound *ret, GError **error)
{
    g_autoptr(json_t) architectures = host_look(remote->daemon->host, "architectures", error);

    return architectures != NULL &&
           image_remote_find(json_object_get(remote->body, "source"), architectures, ret, error);
}

static gboolean exists(const Remote *remote, const char *fingerprint)
{
    g_autoptr(Snapshot) model = engine_ref_stored(remote->daemon->engine);

    return image_by_fingerprint(model, remote->project, fingerprint) != NULL;
}

/* EV-119: of the image that was asked about. */
static void tell_refreshed(const Remote *remote)
{
    g_autofree char *path = NULL;

    if (remote->replaces == NULL)
        return;
    path = g_strdup_printf("images/%s", remote->replaces);
    events_lifecycle(remote->daemon->events, "image-refreshed", remote->project, path, NULL,
                     remote->caller);
}

/* What was found as an import; `wanted` and `update` are the caller's. */
static ImageImport import_of(const Remote *remote, const ImageFound *found, const json_t *wanted,
                             const json_t *update)
{
    return (ImageImport){
        .daemon = remote->daemon,
        .caller = remote->caller,
        .project = remote->project,
        .cause = remote->cause,
        .file = -1,
        .rootfs = -1,
        .split = found->paths[1] != NULL,
        .expected = found->fingerprint,
        .filename = found->filename,
        .update = update,
        .wanted = wanted,
        .replaces = remote->replaces,
    };
}

static gboolean run(Operation *operation, void *data, GError **error)
{
    Remote *remote = data;
    g_auto(ImageFound) found = {0};
    g_auto(Fd) file = -1, rootfs = -1;
    g_autoptr(json_t) wanted = NULL;
    g_autoptr(json_t) update = image_remote_update(json_object_get(remote->body, "source"));
    ImageImport import;
    FetchReport report = {download_tell, operation, operation_cancel_flag(operation)};
    json_t *result = NULL;

    if (!find(remote, &found, error))
        return FALSE;
    if (remote->replaces != NULL) {
        gboolean newer = strcmp(remote->replaces, found.fingerprint) != 0;

        operation_set_metadata(operation, json_pack("{s:b}", "refreshed", newer));
        if (!newer)
            return TRUE;
    }
    if (exists(remote, found.fingerprint))
        return error_set(error, ERR_EXISTS, "Image with same fingerprint already exists");
    if (!image_remote_fetch(remote->daemon->dir, &found, &report, &file, &rootfs, error))
        return FALSE;
    wanted = wanted_of(remote, &found);
    import = import_of(remote, &found, wanted, update);
    import.file = file;
    import.rootfs = rootfs;
    import.cancel = operation_cancel_flag(operation);
    if (!image_import(&import, &result, error))
        return FALSE;
    operation_set_metadata(operation, result);
    tell_refreshed(remote);
    return TRUE;
}

/* By what its server says of it: nothing is fetched for a plan. */
static Plan *plan(const Remote *remote, GError **error)
{
    g_auto(ImageFound) found = {0};
    g_autoptr(json_t) wanted = NULL;
    g_autoptr(json_t) known = NULL;
    g_autoptr(json_t) update = image_remote_update(json_object_get(remote->body, "source"));
    ImageImport import;

    if (!find(remote, &found, error))
        return NULL;
    if (g_strcmp0(remote->replaces, found.fingerprint) == 0)
        return engine_look_ahead(remote->daemon->engine, engine_plan_nothing, NULL, error);
    wanted = wanted_of(remote, &found);
    known = json_pack("{s:s, s:O}", "fingerprint", found.fingerprint, "properties",
                      json_object_get(wanted, "properties"));
    import = import_of(remote, &found, wanted, update);
    return image_import_plan(&import, known, error);
}

/* ---- requests ---- */

/* As an operation, or its plan for a dry run. */
static gboolean begin(Call *call, const char *description, const json_t *body, const char *replaces,
                      GError **error)
{
    Remote *remote = g_new0(Remote, 1);
    Operation *operation;

    *remote = (Remote){
        .daemon = call->daemon,
        .caller = caller_ref(call->caller),
        .project = g_strdup(call_project_for(call, KIND_IMAGE)),
        .cause = g_strdup_printf("api %s %s", request_method(call->request),
                                 request_path(call->request)),
        .body = json_deep_copy(body),
        .replaces = g_strdup(replaces),
    };
    if (call_is_dry_run(call)) {
        gboolean shown = dry_run_answer(call, plan(remote, error));

        remote_free(remote);
        return shown;
    }
    operation = call_operation(call, OPERATION_TASK, description);
    operation_may_cancel(operation, NULL, NULL);
    call_start(call, operation, run, remote, remote_free);
    return TRUE;
}

gboolean image_pull_make(Call *call, const json_t *body, GError **error)
{
    /* A socket of this host is root's. */
    return image_remote_check(json_object_get(body, "source"), call->caller->admin, error) &&
           begin(call, "Downloading image", body, NULL, error);
}

static gboolean no_server(GError **error)
{
    return error_set(error, ERR_INVALID, "The image has no update source");
}

/* IMG-028: without a server that it came from, the error is the operation's. */
static gboolean run_without(Operation *operation, void *data, GError **error)
{
    return no_server(error);
}

gboolean image_pull_refresh(Call *call, GError **error)
{
    const Object *image = image_find(call, call->words[0], error);
    json_t *update = image != NULL ? json_object_get(image->generated, "update_source") : NULL;
    g_autoptr(json_t) body = NULL;

    if (image == NULL)
        return FALSE;
    /* An object with a name of its own is somebody's who wrote it down: it is not replaced by
     * another one. */
    if (update != NULL && strcmp(image->id.name, image_fingerprint(image)) != 0)
        return error_set(error, ERR_UNSUPPORTED,
                         "image %s is declared by %s: apply that with `refresh: auto`, or after "
                         "`berth lock update`",
                         image->id.name, image->owner);
    if (update == NULL && call_is_dry_run(call))
        return no_server(error);
    if (update == NULL) {
        call_start(call, call_operation(call, OPERATION_TASK, "Refreshing image"), run_without,
                   NULL, NULL);
        return TRUE;
    }
    body = json_pack("{s:O}", "source", update);
    return begin(call, "Refreshing image", body, image_fingerprint(image), error);
}

static gboolean run_by_clock(Operation *operation, void *data, GError **error)
{
    const Remote *remote = data;
    g_autoptr(GError) failure = NULL;

    if (run(operation, data, &failure))
        return TRUE;
    g_warning("image %s cannot be refreshed: %s", remote->replaces, failure->message);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

void image_pull_renew(Daemon *daemon, const Object *image)
{
    Remote *remote = g_new0(Remote, 1);
    g_autoptr(Operation) operation = operation_new(daemon->operations, OPERATION_TASK,
                                                   "Refreshing image", image->id.project, NULL);

    *remote = (Remote){
        .daemon = daemon,
        .project = g_strdup(image->id.project),
        .cause = g_strdup("images.auto_update_interval"),
        .body = json_pack("{s:O}", "source", json_object_get(image->generated, "update_source")),
        .replaces = g_strdup(image_fingerprint(image)),
    };
    operation_may_cancel(operation, NULL, NULL);
    operation_start(operation, run_by_clock, remote, remote_free);
}
