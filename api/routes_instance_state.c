/* How instances run: what they use, and starting, stopping, freezing them (API-151, 157, 158). */
#include <string.h>

#include "answer.h"
#include "body_types.h"
#include "call.h"
#include "dry_run.h"
#include "error.h"
#include "instance_power.h"
#include "wire.h"
#include "wire_instance.h"

static gboolean show(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);

    if (object == NULL)
        return FALSE;
    answer_sync(call->request, 200, wire_instance_state(call->daemon, object), NULL);
    return TRUE;
}

/* One change of the power of some instances. */
typedef struct {
    Call *call;
    PowerChange change;
    GPtrArray *keys; /* of char * */
} Work;

static void work_free(gpointer data)
{
    Work *work = data;

    g_ptr_array_unref(work->keys);
    call_free(work->call);
    g_free(work);
}

/* An InstanceStatePut (API-555). */
static gboolean read_change(const json_t *state, PowerChange *ret, GError **error)
{
    const json_t *timeout = json_object_get(state, "timeout");

    if (!body_types_check(state, error))
        return FALSE;
    if (json_is_true(json_object_get(state, "stateful")))
        return error_set(
            error, ERR_UNSUPPORTED,
            "stateful: keeping the state of the processes over a stop is not supported "
            "by this build");
    ret->force = json_is_true(json_object_get(state, "force"));
    ret->timeout = json_is_integer(timeout) ? json_integer_value(timeout) : -1;
    ret->timeout = MAX(ret->timeout, -1);
    return power_action_parse(json_member_string(state, "action"), &ret->action, error);
}

static gboolean run_one(Operation *operation, void *data, GError **error)
{
    Work *work = data;

    return instance_power(work->call->daemon, work->call->caller, work->keys->pdata[0],
                          &work->change, error);
}

/* The change of these instances (of const Object *): as an operation, or its plan for
 * `?dry-run=1`. */
static gboolean change(Call *call, const PowerChange *change, const GPtrArray *objects,
                       OperationFunction run, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    PowerTry attempt = {call->daemon, keys, change, call->caller->username};
    Operation *operation;
    Work *work;

    for (guint i = 0; i < objects->len; i++)
        g_ptr_array_add(keys, g_strdup(((const Object *)objects->pdata[i])->key));
    if (call_is_dry_run(call))
        return call_transact(call, instance_power_plan, &attempt, error);
    operation = call_operation(call, OPERATION_TASK, power_action_title(change->action));
    for (guint i = 0; i < objects->len; i++) {
        g_autofree char *url = wire_url(objects->pdata[i]);

        operation_add_resource(operation, "instances", url);
    }
    work = g_new(Work, 1);
    *work = (Work){call_copy(call), *change, g_steal_pointer(&keys)};
    call_start(call, operation, run, work, work_free);
    return TRUE;
}

static gboolean change_one(Call *call, GError **error)
{
    const Object *object = call_object(call, KIND_INSTANCE, call->words[0], error);
    g_autoptr(json_t) body = object != NULL ? call_body(call, error) : NULL;
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    PowerChange wanted = {0};

    if (body == NULL || !read_change(body, &wanted, error))
        return FALSE;
    g_ptr_array_add(objects, (gpointer)object);
    return change(call, &wanted, objects, run_one, error);
}

/* ---- all of a project (API-073) ---- */

typedef struct {
    Work *work;
    GMutex mutex;
    GString *failures;
} Bulk;

static void run_each(gpointer key, gpointer data)
{
    Bulk *bulk = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *label = object_key_label(key);

    if (instance_power(bulk->work->call->daemon, bulk->work->call->caller, key, &bulk->work->change,
                       &error))
        return;
    g_mutex_lock(&bulk->mutex);
    g_string_append_printf(bulk->failures, "%s%s: %s", bulk->failures->len > 0 ? "\n" : "", label,
                           error->message);
    g_mutex_unlock(&bulk->mutex);
}

static gboolean run_all(Operation *operation, void *data, GError **error)
{
    Bulk bulk = {.work = data, .failures = g_string_new(NULL)};
    g_autoptr(GString) failures = bulk.failures;
    GThreadPool *pool =
        g_thread_pool_new(run_each, &bulk, (gint)g_get_num_processors() * 2, FALSE, NULL);

    g_mutex_init(&bulk.mutex);
    for (guint i = 0; i < bulk.work->keys->len; i++)
        g_thread_pool_push(pool, bulk.work->keys->pdata[i], NULL);
    g_thread_pool_free(pool, FALSE, TRUE);
    g_mutex_clear(&bulk.mutex);
    return failures->len == 0 || error_set(error, ERR_FAILED, "%s", failures->str);
}

static gboolean change_all(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    PowerChange wanted = {0};
    guint first, count;

    if (body == NULL || !read_change(json_object_get(body, "state"), &wanted, error))
        return FALSE;
    snapshot_range(call->model, KIND_INSTANCE, call->project, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *object = snapshot_at(call->model, i);

        if (call_shows(call, object) && power_action_applies(call->daemon, object, wanted.action))
            g_ptr_array_add(objects, (gpointer)object);
    }
    return change(call, &wanted, objects, run_all, error);
}

const Route ROUTES_INSTANCE_STATE[] = {
    {"GET", "instances/*/state", ACCESS_PROJECT, 0, show},
    {"PUT", "instances/*/state", ACCESS_PROJECT, ROUTE_DRY, change_one},
    {"PUT", "instances", ACCESS_PROJECT, ROUTE_DRY, change_all},
    {0},
};
