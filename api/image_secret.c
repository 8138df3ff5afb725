#include "image_secret.h"

#include <string.h>

#include "answer.h"
#include "dry_run.h"
#include "error.h"
#include "image_list.h"
#include "secret.h"

static char *url_of(const Call *call, const char *fingerprint)
{
    g_autofree char *path = g_strdup_printf("images/%s", fingerprint);

    return call_url(call, path);
}

static gboolean opens(const json_t *operation, const char *url, const char *given)
{
    const json_t *images = json_at(operation, "resources/images");
    const char *secret = json_string_at(operation, "metadata/secret");

    return secret != NULL && g_strcmp0(json_member_string(operation, "class"), "token") == 0 &&
           json_has_text(images, url) && secret_equal(given, secret);
}

gboolean image_secret_opens(const Call *call, const char *fingerprint)
{
    const char *given = request_query(call->request, "secret");
    g_autofree char *url = url_of(call, fingerprint);
    g_autoptr(json_t) all = NULL;
    const char *status;
    json_t *list, *operation;
    size_t i;

    if (given == NULL || *given == '\0')
        return FALSE;
    all = operations_list(call->daemon->operations, NULL, NULL, TRUE);
    json_object_foreach (all, status, list) {
        json_array_foreach (list, i, operation) {
            g_autoptr(Operation) token = NULL;

            if (!opens(operation, url, given))
                continue;
            token = operations_find(call->daemon->operations, json_member_string(operation, "id"));
            if (token != NULL)
                operation_cancel(token, NULL); /* used up; FALSE when it was before */
            return TRUE;
        }
    }
    return FALSE;
}

gboolean image_secret_make(Call *call, GError **error)
{
    const Object *image = image_find(call, call->words[0], error);
    g_autoptr(Operation) token = NULL;
    g_autofree char *secret = NULL;
    g_autofree char *path = NULL;
    g_autofree char *image_url = NULL;
    g_autofree char *url = NULL;
    g_autofree char *whole = NULL;

    if (image == NULL)
        return FALSE;
    if (call_is_dry_run(call))
        return dry_run_would(call, error, "a token to download image %.12s would be made",
                             image_fingerprint(image));
    secret = secret_new();
    path = g_strdup_printf("images/%s", image_fingerprint(image));
    image_url = url_of(call, image_fingerprint(image));
    token = call_operation(call, OPERATION_TOKEN, "Image download token");
    operation_add_resource(token, "images", image_url);
    operation_set_metadata(token, json_pack("{s:s}", "secret", secret));
    operation_begin(token);
    events_lifecycle(call->daemon->events, "image-secret-created", call->project, path, NULL,
                     call->caller);
    url = operation_url(token);
    whole = call_url(call, url + strlen("/1.0/"));
    answer_async(call->request, whole, operation_json(token));
    return TRUE;
}
