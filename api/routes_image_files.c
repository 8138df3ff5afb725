/* Files of images that a client's state files name: sent before the plan that needs them is carried
 * out, named by their fingerprint, kept for a day. */
#include "answer.h"
#include "call.h"
#include "dry_run.h"
#include "error.h"
#include "file.h"
#include "image/arrival.h"
#include "image/parts.h"

static gboolean check_fingerprint(const char *text, GError **error)
{
    return json_is_digest(text) ||
           error_set(error, ERR_NOT_FOUND, "\"%s\" is no fingerprint", text);
}

/* Whether it need not be sent. */
static gboolean has(Call *call, GError **error)
{
    const char *fingerprint = call->words[0];
    g_autoptr(json_t) wanted = json_pack("{s:s}", "fingerprint", fingerprint);

    if (!check_fingerprint(fingerprint, error))
        return FALSE;
    if (!arrival_is_here(engine_host(call->daemon->engine), wanted))
        return error_set(error, ERR_NOT_FOUND, "no files of image %.12s are here", fingerprint);
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

/* The body is a file, or a form of two as that of POST /1.0/images (IMG-040). */
static gboolean take(Call *call, GError **error)
{
    const char *type = request_header(call->request, "Content-Type");
    const char *fingerprint = call->words[0];
    g_auto(Fd) file = -1, rootfs = -1;
    g_autofree char *name = NULL;
    guint64 size = 0;
    int body = request_body_fd(call->request, &size);

    if (!check_fingerprint(fingerprint, error))
        return FALSE;
    if (body < 0)
        return error_set(error, ERR_INVALID, "the body of the request is empty: no image is there");
    if (call_is_dry_run(call))
        return dry_run_would(call, error, "files of image %.12s would be kept for a day",
                             fingerprint);
    if (image_parts_are(type) &&
        !image_parts_take(call->daemon->dir, body, size, type, &file, &rootfs, &name, error))
        return FALSE;
    if (!arrival_take(engine_host(call->daemon->engine), fingerprint, file >= 0 ? file : body,
                      rootfs, error))
        return FALSE;
    answer_sync(call->request, 200, NULL, NULL);
    return TRUE;
}

const Route ROUTES_IMAGE_FILES[] = {
    {"GET", "image-files/*", ACCESS_ADMIN, 0, has},
    {"POST", "image-files/*", ACCESS_ADMIN, ROUTE_FILE | ROUTE_DRY, take},
    {0},
};
