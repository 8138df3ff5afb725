#include "http/request.h"

#include <string.h>
#include <unistd.h>

#include "http/request_private.h"

Request *request_new(const char *text, Watch *watch)
{
    Request *request = g_new0(Request, 1);

    g_mutex_init(&request->lock);
    g_atomic_ref_count_init(&request->keepers);
    request->refs = 1;
    request->held = TRUE;
    request->text = g_strdup(text);
    request->watch = watch;
    request->headers = g_ptr_array_new_with_free_func(g_free);
    request->spool = -1;
    request->socket = -1;
    return request;
}

static void gone_clear(struct Gone *gone)
{
    if (gone->destroy != NULL)
        gone->destroy(gone->data);
    g_clear_pointer(&gone->context, g_main_context_unref);
    memset(gone, 0, sizeof *gone);
}

static void request_free(Request *request)
{
    if (request->response != NULL)
        MHD_destroy_response(request->response);
    gone_clear(&request->gone);
    g_free(request->text);
    g_free(request->method);
    target_free(request->target);
    g_ptr_array_unref(request->headers);
    if (request->extra != NULL)
        g_ptr_array_unref(request->extra);
    g_clear_pointer(&request->peer.certificate, g_bytes_unref);
    g_free(request->peer_address);
    if (request->memory != NULL)
        g_byte_array_unref(request->memory);
    if (request->body != NULL)
        g_bytes_unref(request->body);
    if (request->spool >= 0)
        close(request->spool);
    g_mutex_clear(&request->lock);
    g_free(request);
}

void request_add_header(Request *request, const char *name, const char *value)
{
    if (request->extra == NULL)
        request->extra = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(request->extra, g_strdup(name));
    g_ptr_array_add(request->extra, g_strdup(value));
}

void request_keep(Request *request)
{
    g_atomic_ref_count_inc(&request->keepers);
}

void request_release(Request *request)
{
    if (g_atomic_ref_count_dec(&request->keepers))
        request_free(request);
}

Request *request_ref(Request *request)
{
    g_mutex_lock(&request->lock);
    request->refs++;
    g_mutex_unlock(&request->lock);
    return request;
}

void request_unref(Request *request)
{
    gboolean forgotten;
    gboolean last;

    if (request == NULL)
        return;
    g_mutex_lock(&request->lock);
    last = request->refs == 1;
    /* Only the transport would be left, and wait for ever. */
    forgotten = request->refs == 2 && request->held && request->phase == PHASE_SUSPENDED;
    if (!forgotten)
        request->refs--;
    g_mutex_unlock(&request->lock);
    if (last) {
        request_release(request);
    } else if (forgotten) {
        request_set_response(request, 500, answer_new(NULL, NULL));
        request_unref(request);
    }
}

void request_end(Request *request)
{
    struct Gone gone = {0};

    g_mutex_lock(&request->lock);
    request->phase = PHASE_ENDED;
    request->held = FALSE;
    request->connection = NULL;
    gone = request->gone;
    memset(&request->gone, 0, sizeof request->gone);
    if (gone.watch_id != 0)
        watch_drop(request->watch, gone.watch_id);
    g_mutex_unlock(&request->lock);
    gone_clear(&gone);
    if (request->upgraded != NULL)
        request->upgraded(NULL, request->upgraded_data);
    request_unref(request);
}

void request_set_response(Request *request, guint status, struct MHD_Response *response)
{
    request_set_upgrade(request, status, response, NULL, NULL);
}

gboolean request_set_upgrade(Request *request, guint status, struct MHD_Response *response,
                             void (*upgraded)(Stream *stream, void *data), void *data)
{
    gboolean suspended;

    g_mutex_lock(&request->lock);
    if (request->phase >= PHASE_ANSWERED) {
        g_mutex_unlock(&request->lock);
        MHD_destroy_response(response);
        return FALSE;
    }
    request->upgraded = upgraded;
    request->upgraded_data = data;
    suspended = request->phase == PHASE_SUSPENDED;
    request->phase = PHASE_ANSWERED;
    request->status = status;
    request->response = response;
    if (request->gone.watch_id != 0) {
        watch_drop(request->watch, request->gone.watch_id);
        request->gone.watch_id = 0;
    }
    /* A connection that is suspended is nobody else's; once resumed it may end at any time. */
    if (suspended) {
        watch_waiting(request->watch, request, FALSE);
        MHD_resume_connection(request->connection);
    }
    g_mutex_unlock(&request->lock);
    return TRUE;
}

const char *request_method(const Request *request)
{
    return request->method;
}

const char *request_target(const Request *request)
{
    return request->text;
}

const char *request_path(const Request *request)
{
    return target_path(request->target);
}

const char *const *request_segments(const Request *request)
{
    return target_segments(request->target);
}

const char *request_query(const Request *request, const char *name)
{
    return target_query(request->target, name);
}

const char **request_query_all(const Request *request, const char *name)
{
    return target_query_all(request->target, name);
}

const char **request_query_names(const Request *request)
{
    return target_query_names(request->target);
}

const char *request_header(const Request *request, const char *name)
{
    for (guint i = 0; i < request->headers->len; i += 2)
        if (g_ascii_strcasecmp(request->headers->pdata[i], name) == 0)
            return request->headers->pdata[i + 1];
    return NULL;
}

void request_headers_foreach(const Request *request,
                             void (*each)(const char *name, const char *value, void *data),
                             void *data)
{
    for (guint i = 0; i < request->headers->len; i += 2)
        each(request->headers->pdata[i], request->headers->pdata[i + 1], data);
}

const Peer *request_peer(const Request *request)
{
    return &request->peer;
}

GBytes *request_body(const Request *request)
{
    return request->body;
}

int request_body_fd(const Request *request, guint64 *ret_size)
{
    *ret_size = request->spool >= 0 ? request->body_size : 0;
    return request->spool;
}

/* Runs in the context that the callee chose. */
static gboolean deliver_gone(gpointer data)
{
    Request *request = data;
    struct Gone gone;

    g_mutex_lock(&request->lock);
    gone = request->gone;
    memset(&request->gone, 0, sizeof request->gone);
    if (request->phase >= PHASE_ANSWERED)
        gone.call = NULL;
    g_mutex_unlock(&request->lock);
    if (gone.call != NULL)
        gone.call(request, gone.data);
    gone_clear(&gone);
    return G_SOURCE_REMOVE;
}

static void unref_request(gpointer request)
{
    request_unref(request);
}

void request_gone(Request *request)
{
    g_autoptr(GMainContext) context = NULL;

    g_mutex_lock(&request->lock);
    request->gone.watch_id = 0;
    if (request->gone.call != NULL && request->phase < PHASE_ANSWERED) {
        context = g_main_context_ref(request->gone.context);
        request->refs++;
    }
    g_mutex_unlock(&request->lock);
    if (context != NULL)
        g_main_context_invoke_full(context, G_PRIORITY_DEFAULT, deliver_gone, request,
                                   unref_request);
}

void request_on_gone(Request *request, GMainContext *context,
                     void (*gone)(Request *request, void *data), void *data, GDestroyNotify destroy)
{
    struct Gone old = {0};

    g_mutex_lock(&request->lock);
    if (request->phase < PHASE_ANSWERED) {
        old = request->gone;
        request->gone =
            (struct Gone){old.watch_id,
                          context != NULL ? g_main_context_ref(context)
                                          : g_main_context_ref(g_main_context_default()),
                          gone, data, destroy};
        old.watch_id = 0;
        /* One that has left already is reported at once. */
        if (request->gone.watch_id == 0)
            request->gone.watch_id = watch_add(request->watch, request, request->socket);
    } else {
        old.data = data;
        old.destroy = destroy;
    }
    g_mutex_unlock(&request->lock);
    gone_clear(&old);
}
