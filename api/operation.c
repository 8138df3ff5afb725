#include "operation_private.h"

#include <string.h>

#include "answer.h"
#include "error.h"
#include "http/stream.h"
#include "secret.h"
#include "when.h"

#define RETENTION_SECONDS 5 /* API-067 */

typedef struct {
    Request *request;
    GSource *timer; /* NULL: waits for the end */
} Waiter;

static const struct {
    StatusCode code;
    const char *text;
} STATUSES[] = {{STATUS_STARTED, "Started"}, {STATUS_STOPPED, "Stopped"},
                {STATUS_RUNNING, "Running"}, {STATUS_CANCELLING, "Cancelling"},
                {STATUS_PENDING, "Pending"}, {STATUS_FROZEN, "Frozen"},
                {STATUS_ERROR, "Error"},     {STATUS_SUCCESS, "Success"},
                {STATUS_FAILURE, "Failure"}, {STATUS_CANCELLED, "Cancelled"}};

const char *status_text(StatusCode code)
{
    for (guint i = 0; i < G_N_ELEMENTS(STATUSES); i++) {
        if (STATUSES[i].code == code)
            return STATUSES[i].text;
    }
    return "";
}

gboolean operation_is_final(const Operation *operation)
{
    return operation->status >= STATUS_SUCCESS;
}

void operation_release(Operation *operation)
{
    if (operation->destroy != NULL)
        operation->destroy(operation->data);
    operation->destroy = NULL;
    operation->data = NULL;
}

Operation *operation_new(Operations *operations, OperationClass class, const char *description,
                         const char *project, const Caller *caller)
{
    Operation *operation = g_new0(Operation, 1);

    g_atomic_ref_count_init(&operation->refs);
    operation->all = operations;
    operation->id = g_uuid_string_random();
    operation->class = class;
    operation->description = g_strdup(description);
    operation->project = g_strdup(project);
    operation->caller = caller != NULL ? caller_ref(caller) : NULL;
    operation->created = operation->updated = g_get_real_time();
    operation->status = STATUS_PENDING;
    operation->resources = json_object();
    operation->secrets = json_object();
    operation->waiters = g_ptr_array_new_with_free_func(g_free);
    operation->may_cancel = class == OPERATION_TOKEN;
    return operation;
}

Operation *operation_ref(Operation *operation)
{
    g_atomic_ref_count_inc(&operation->refs);
    return operation;
}

void operation_unref(Operation *operation)
{
    if (operation == NULL || !g_atomic_ref_count_dec(&operation->refs))
        return;
    operation_release(operation);
    g_free(operation->id);
    g_free(operation->description);
    g_free(operation->project);
    caller_unref(operation->caller);
    json_decref(operation->resources);
    json_decref(operation->metadata);
    json_decref(operation->secrets);
    g_free(operation->failure);
    g_ptr_array_unref(operation->waiters);
    g_free(operation);
}

gboolean operation_is_for(const Operation *operation, const Caller *caller)
{
    return caller == NULL || caller->admin ||
           (operation->project != NULL && caller_may_use(caller, operation->project));
}

const char *operation_id(const Operation *operation)
{
    return operation->id;
}

const char *operation_project(const Operation *operation)
{
    return operation->project;
}

const Caller *operation_caller(const Operation *operation)
{
    return operation->caller;
}

OperationClass operation_class(const Operation *operation)
{
    return operation->class;
}

char *operation_url(const Operation *operation)
{
    return g_strconcat("/1.0/operations/", operation->id, NULL);
}

/* The mutex is held. */
json_t *operation_json_held(const Operation *operation)
{
    static const char *const classes[] = {"task", "websocket", "token"};
    g_autofree char *created = when_text(operation->created);
    g_autofree char *updated = when_text(operation->updated);

    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:O?, s:b, s:s, s:s}", "id", operation->id,
        "class", classes[operation->class], "description", operation->description, "created_at",
        created, "updated_at", updated, "status", status_text(operation->status), "status_code",
        (int)operation->status, "resources",
        json_object_size(operation->resources) > 0 ? json_deep_copy(operation->resources)
                                                   : json_null(),
        "metadata", operation->metadata, "may_cancel",
        operation->may_cancel && !operation_is_final(operation), "err",
        operation->failure != NULL ? operation->failure : "", "location", "none");
}

json_t *operation_json(Operation *operation)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operation->all->mutex);

    return operation_json_held(operation);
}

/* The mutex is held; it keeps the order of events that of the changes. */
/* Whoever listens does not learn the secrets of tokens. */
static void tell(const Operation *operation)
{
    json_t *shown = operation_json_held(operation);
    json_t *metadata = json_copy(json_object_get(shown, "metadata"));

    if (operation->class == OPERATION_TOKEN && metadata != NULL) {
        json_object_del(metadata, "secret");
        json_object_set(shown, "metadata", metadata);
    }
    json_decref(metadata);
    events_send(operation->all->events, EVENT_OPERATION, operation->project, shown);
}

static void changed(Operation *operation)
{
    operation->updated = g_get_real_time();
    tell(operation);
}

void operation_add_resource(Operation *operation, const char *type, const char *url)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operation->all->mutex);
    const char *const names[] = {type, strcmp(type, "instances") == 0 ? "containers" : NULL};

    for (guint i = 0; i < G_N_ELEMENTS(names) && names[i] != NULL; i++) {
        json_t *urls = json_object_get(operation->resources, names[i]);

        if (urls == NULL) {
            urls = json_array();
            json_object_set_new(operation->resources, names[i], urls);
        }
        json_array_append_new(urls, json_string(url));
    }
}

void operation_set_metadata(Operation *operation, json_t *metadata)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operation->all->mutex);
    g_autoptr(json_t) added = metadata;
    json_t *whole = operation->metadata != NULL ? json_copy(operation->metadata) : json_object();

    json_object_update(whole, added);
    json_decref(operation->metadata);
    operation->metadata = whole;
    if (operation->status != STATUS_PENDING)
        changed(operation);
}

volatile gint *operation_cancel_flag(Operation *operation)
{
    return &operation->cancel;
}

void operation_may_cancel(Operation *operation, void (*cancel)(Operation *operation, void *data),
                          void *data)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operation->all->mutex);

    operation->may_cancel = TRUE;
    operation->on_cancel = cancel;
    operation->cancel_data = data;
}

/* The mutex is held. */
static gboolean check_cancel(const Operation *operation, GError **error)
{
    return (operation->may_cancel && !operation_is_final(operation) &&
            operation->status != STATUS_CANCELLING) ||
           error_set(error, ERR_INVALID, "This operation can't be cancelled");
}

gboolean operation_check_cancel(Operation *operation, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operation->all->mutex);

    return check_cancel(operation, error);
}

gboolean operation_cancel(Operation *operation, GError **error)
{
    void (*on_cancel)(Operation * operation, void *data);

    g_mutex_lock(&operation->all->mutex);
    if (!check_cancel(operation, error)) {
        g_mutex_unlock(&operation->all->mutex);
        return FALSE;
    }
    operation->status = STATUS_CANCELLING;
    changed(operation);
    on_cancel = operation->on_cancel;
    g_mutex_unlock(&operation->all->mutex);
    g_atomic_int_set(&operation->cancel, 1);
    if (on_cancel != NULL)
        on_cancel(operation, operation->cancel_data);
    if (operation->class == OPERATION_TOKEN)
        operation_finish(operation, NULL);
    return TRUE;
}

void operation_begin(Operation *operation)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operation->all->mutex);

    g_hash_table_insert(operation->all->by_id, operation->id, operation_ref(operation));
    tell(operation);
    operation->status = STATUS_RUNNING;
    changed(operation);
}

void operation_start(Operation *operation, OperationFunction run, void *data,
                     GDestroyNotify destroy)
{
    operation->run = run;
    operation->data = data;
    operation->destroy = destroy;
    operation_begin(operation);
    g_thread_pool_push(operation->all->workers, operation_ref(operation), NULL);
}

/* ---- waiting ---- */

static void answer_waiter(Operation *operation, Waiter *waiter)
{
    if (waiter->timer != NULL) {
        g_source_destroy(waiter->timer);
        g_source_unref(waiter->timer);
    }
    answer_sync(waiter->request, 200, operation_json(operation), NULL);
    request_unref(waiter->request);
    g_free(waiter);
}

static gboolean forget(gpointer data)
{
    Operation *operation = data;
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operation->all->mutex);

    g_hash_table_remove(operation->all->by_id, operation->id);
    return G_SOURCE_REMOVE;
}

static void run_later(Operation *operation, guint seconds, GSourceFunc function)
{
    GSource *timer = g_timeout_source_new_seconds(seconds);

    g_source_set_callback(timer, function, operation_ref(operation),
                          (GDestroyNotify)operation_unref);
    g_source_attach(timer, operation->all->context);
    g_source_unref(timer);
}

void operation_finish(Operation *operation, const GError *failure)
{
    g_autoptr(GPtrArray) waiters = g_ptr_array_new();

    g_mutex_lock(&operation->all->mutex);
    if (operation_is_final(operation)) {
        g_mutex_unlock(&operation->all->mutex);
        return;
    }
    if (failure != NULL)
        operation->failure = g_strdup(failure->message);
    if (operation->status == STATUS_CANCELLING &&
        (failure != NULL || operation->class == OPERATION_TOKEN))
        operation->status = STATUS_CANCELLED;
    else
        operation->status = failure != NULL ? STATUS_FAILURE : STATUS_SUCCESS;
    changed(operation);
    for (guint i = 0; i < operation->waiters->len; i++)
        g_ptr_array_add(waiters, operation->waiters->pdata[i]);
    g_ptr_array_set_free_func(operation->waiters, NULL);
    g_ptr_array_set_size(operation->waiters, 0);
    g_mutex_unlock(&operation->all->mutex);
    for (guint i = 0; i < waiters->len; i++)
        answer_waiter(operation, waiters->pdata[i]);
    run_later(operation, RETENTION_SECONDS, forget);
}

typedef struct {
    Operation *operation;
    Waiter *waiter;
} WaitEnd;

static void wait_end_free(gpointer data)
{
    WaitEnd *end = data;

    operation_unref(end->operation);
    g_free(end);
}

/* The time of one waiter is over. */
static gboolean wait_is_over(gpointer data)
{
    WaitEnd *end = data;
    gboolean waits;

    g_mutex_lock(&end->operation->all->mutex);
    waits = g_ptr_array_find(end->operation->waiters, end->waiter, NULL);
    if (waits) {
        g_ptr_array_set_free_func(end->operation->waiters, NULL);
        g_ptr_array_remove_fast(end->operation->waiters, end->waiter);
    }
    g_mutex_unlock(&end->operation->all->mutex);
    if (waits)
        answer_waiter(end->operation, end->waiter);
    return G_SOURCE_REMOVE;
}

void operation_wait(Operation *operation, Request *request, gint64 seconds)
{
    Waiter *waiter;

    g_mutex_lock(&operation->all->mutex);
    if (operation_is_final(operation) || seconds == 0) {
        g_mutex_unlock(&operation->all->mutex);
        answer_sync(request, 200, operation_json(operation), NULL);
        return;
    }
    waiter = g_new0(Waiter, 1);
    waiter->request = request_ref(request);
    if (seconds > 0) {
        WaitEnd *end = g_new0(WaitEnd, 1);

        *end = (WaitEnd){operation_ref(operation), waiter};
        waiter->timer = g_timeout_source_new_seconds((guint)MIN(seconds, G_MAXINT));
        g_source_set_callback(waiter->timer, wait_is_over, end, wait_end_free);
        g_source_attach(waiter->timer, operation->all->context);
    }
    g_ptr_array_add(operation->waiters, waiter);
    g_mutex_unlock(&operation->all->mutex);
}

/* ---- streams ---- */

void operation_add_stream(Operation *operation, const char *name)
{
    g_autofree char *secret = secret_new();
    json_t *fds = operation->metadata != NULL ? json_object_get(operation->metadata, "fds") : NULL;

    fds = fds != NULL ? json_copy(fds) : json_object();
    json_object_set_new(fds, name, json_string(secret));
    json_object_set_new(operation->secrets, name, json_string(secret));
    operation_set_metadata(operation, json_pack("{s:o}", "fds", fds));
}

void operation_on_connect(Operation *operation, OperationConnect connect, void *data)
{
    operation->on_connect = connect;
    operation->connect_data = data;
}

char *operation_take_secret(Operation *operation, const char *secret, GError **error)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operation->all->mutex);
    const char *name;
    json_t *value;

    json_object_foreach (operation->secrets, name, value) {
        char *found;

        if (!json_is_string(value) || !secret_equal(json_string_value(value), secret))
            continue;
        found = g_strdup(name);
        json_object_set_new(operation->secrets, found, json_null());
        return found;
    }
    error_set(error, ERR_PERMISSION,
              "the secret opens no stream of this operation, or was used already");
    return NULL;
}

void operation_connected(Operation *operation, const char *name, Stream *stream)
{
    if (operation->on_connect != NULL)
        operation->on_connect(operation, name, stream, operation->connect_data);
    else
        stream_free(stream);
}
