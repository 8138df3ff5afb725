#include "image_upload.h"

#include <string.h>

#include "dry_run.h"
#include "error.h"
#include "file.h"
#include "image/parts.h"
#include "image_import.h"

typedef struct {
    Daemon *daemon;
    Request *request; /* holds the body */
    Caller *caller;
    char *project, *cause;
    json_t *wanted;
    char *filename; /* of the header; NULL: none */
} Upload;

static void upload_free(gpointer data)
{
    Upload *upload = data;

    request_unref(upload->request);
    caller_unref(upload->caller);
    g_free(upload->project);
    g_free(upload->cause);
    g_free(upload->filename);
    json_decref(upload->wanted);
    g_free(upload);
}

/* ---- headers ---- */

/* Calls for each name and value of a URL query. */
static gboolean each_pair(const char *text, const char *header, json_t *into,
                          void (*each)(json_t *into, const char *name, const char *value),
                          GError **error)
{
    GUriParamsIter iter;
    char *name, *value;
    GError *failure = NULL;

    g_uri_params_iter_init(&iter, text, -1, "&", G_URI_PARAMS_WWW_FORM);
    while (g_uri_params_iter_next(&iter, &name, &value, &failure)) {
        each(into, name, value);
        g_free(name);
        g_free(value);
    }
    if (failure == NULL)
        return TRUE;
    error_set(error, ERR_INVALID, "the header %s is no URL query: %s", header, failure->message);
    g_error_free(failure);
    return FALSE;
}

static void add_property(json_t *into, const char *name, const char *value)
{
    json_object_set_new(into, name, json_string(value));
}

static void add_profile(json_t *into, const char *name, const char *value)
{
    if (strcmp(name, "profile") == 0 && *value != '\0')
        json_array_append_new(into, json_string(value));
}

static void add_alias(json_t *into, const char *name, const char *value)
{
    if (strcmp(name, "alias") == 0)
        json_array_append_new(into, json_pack("{s:s}", "name", value));
}

static json_t *read_headers(const Request *request, GError **error)
{
    const char *public = request_header(request, "X-LXD-public");
    const char *properties = request_header(request, "X-LXD-properties");
    const char *profiles = request_header(request, "X-LXD-profiles");
    const char *aliases = request_header(request, "X-LXD-aliases");
    g_autoptr(json_t) wanted = json_object();

    json_object_set_new(
        wanted, "public",
        json_boolean(g_strcmp0(public, "true") == 0 || g_strcmp0(public, "1") == 0));
    if (properties != NULL) {
        json_object_set_new(wanted, "properties", json_object());
        if (!each_pair(properties, "X-LXD-properties", json_object_get(wanted, "properties"),
                       add_property, error))
            return NULL;
    }
    if (profiles != NULL) {
        json_object_set_new(wanted, "profiles", json_array());
        if (!each_pair(profiles, "X-LXD-profiles", json_object_get(wanted, "profiles"), add_profile,
                       error))
            return NULL;
    }
    if (aliases != NULL) {
        json_object_set_new(wanted, "aliases", json_array());
        if (!each_pair(aliases, "X-LXD-aliases", json_object_get(wanted, "aliases"), add_alias,
                       error))
            return NULL;
    }
    return g_steal_pointer(&wanted);
}

/* ---- the body ---- */

/* What came, as an import; its parts are in `ret_file` and `ret_rootfs`, which are the caller's. */
static gboolean open_body(const Upload *upload, int *ret_file, int *ret_rootfs, char **ret_named,
                          ImageImport *ret, GError **error)
{
    const char *type = request_header(upload->request, "Content-Type");
    guint64 size = 0;
    int body = request_body_fd(upload->request, &size);

    *ret = (ImageImport){
        .daemon = upload->daemon,
        .caller = upload->caller,
        .project = upload->project,
        .cause = upload->cause,
        .file = body,
        .rootfs = -1,
        .expected = request_header(upload->request, "X-LXD-fingerprint"),
        .wanted = upload->wanted,
    };
    if (body < 0)
        return error_set(error, ERR_INVALID, "the body of the request is empty: no image is there");
    if (image_parts_are(type)) {
        if (!image_parts_take(upload->daemon->dir, body, size, type, ret_file, ret_rootfs,
                              ret_named, error))
            return FALSE;
        ret->file = *ret_file;
        ret->rootfs = *ret_rootfs;
    }
    ret->split = ret->rootfs >= 0;
    ret->filename = *ret_named != NULL ? *ret_named : upload->filename; /* IMG-008 */
    return TRUE;
}

static gboolean run(Operation *operation, void *data, GError **error)
{
    g_auto(Fd) file = -1, rootfs = -1;
    g_autofree char *named = NULL;
    json_t *result = NULL;
    ImageImport import;

    if (!open_body(data, &file, &rootfs, &named, &import, error))
        return FALSE;
    import.cancel = operation_cancel_flag(operation);
    if (!image_import(&import, &result, error))
        return FALSE;
    operation_set_metadata(operation, result);
    return TRUE;
}

static Plan *plan(const Upload *upload, GError **error)
{
    g_auto(Fd) file = -1, rootfs = -1;
    g_autofree char *named = NULL;
    ImageImport import;

    return open_body(upload, &file, &rootfs, &named, &import, error)
               ? image_import_plan(&import, NULL, error)
               : NULL;
}

gboolean image_upload(Call *call, GError **error)
{
    g_autoptr(json_t) wanted = read_headers(call->request, error);
    const char *filename = request_header(call->request, "X-LXD-filename");
    Operation *operation;
    Upload *upload;

    if (wanted == NULL)
        return FALSE;
    upload = g_new0(Upload, 1);
    *upload = (Upload){
        .daemon = call->daemon,
        .request = request_ref(call->request),
        .caller = caller_ref(call->caller),
        .project = g_strdup(call_project_for(call, KIND_IMAGE)),
        .cause = g_strdup("api POST /1.0/images"),
        .wanted = g_steal_pointer(&wanted),
        .filename = g_strdup(filename),
    };
    if (call_is_dry_run(call)) {
        gboolean shown = dry_run_answer(call, plan(upload, error));

        upload_free(upload);
        return shown;
    }
    operation = call_operation(call, OPERATION_TASK, "Downloading image");
    operation_may_cancel(operation, NULL, NULL);
    call_start(call, operation, run, upload, upload_free);
    return TRUE;
}
