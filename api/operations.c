/* All operations of a daemon. */
#include <string.h>

#include "operation_private.h"

static void work(gpointer data, gpointer user_data)
{
    g_autoptr(Operation) operation = data;
    g_autoptr(GError) error = NULL;
    gboolean done = operation->run(operation, operation->data, &error);

    /* What it held (a name) is free when clients learn of its end. */
    operation_release(operation);
    operation_finish(operation, done ? NULL : error);
}

Operations *operations_new(GMainContext *context, Events *events)
{
    Operations *operations = g_new0(Operations, 1);

    operations->context = context;
    operations->events = events;
    g_mutex_init(&operations->mutex);
    operations->by_id =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)operation_unref);
    operations->workers = g_thread_pool_new(work, NULL, -1, FALSE, NULL);
    return operations;
}

void operations_free(Operations *operations)
{
    if (operations == NULL)
        return;
    g_thread_pool_free(operations->workers, FALSE, TRUE);
    g_hash_table_unref(operations->by_id);
    g_mutex_clear(&operations->mutex);
    g_free(operations);
}

Operation *operations_find(Operations *operations, const char *id)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operations->mutex);
    Operation *found = g_hash_table_lookup(operations->by_id, id);

    return found != NULL ? operation_ref(found) : NULL;
}

json_t *operations_list(Operations *operations, const char *project, const Caller *caller,
                        gboolean whole)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operations->mutex);
    json_t *list = json_object();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, operations->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Operation *operation = value;
        g_autofree char *status = g_ascii_strdown(status_text(operation->status), -1);
        json_t *of_status = json_object_get(list, status);

        if (project != NULL && operation->project != NULL &&
            strcmp(project, operation->project) != 0)
            continue;
        if (!operation_is_for(operation, caller))
            continue;
        if (of_status == NULL) {
            of_status = json_array();
            json_object_set_new(list, status, of_status);
        }
        if (whole) {
            json_array_append_new(of_status, operation_json_held(operation));
        } else {
            g_autofree char *url = operation_url(operation);

            json_array_append_new(of_status, json_string(url));
        }
    }
    return list;
}

guint operations_running(Operations *operations)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operations->mutex);
    GHashTableIter iter;
    gpointer value;
    guint running = 0;

    g_hash_table_iter_init(&iter, operations->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        running +=
            !operation_is_final(value) && ((const Operation *)value)->class != OPERATION_TOKEN;
    return running;
}

void operations_cancel_all(Operations *operations)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)operation_unref);
    GHashTableIter iter;
    gpointer value;

    g_mutex_lock(&operations->mutex);
    g_hash_table_iter_init(&iter, operations->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(all, operation_ref(value));
    g_mutex_unlock(&operations->mutex);
    for (guint i = 0; i < all->len; i++)
        operation_cancel(all->pdata[i], NULL);
}

void operations_abort_all(Operations *operations)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&operations->mutex);
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, operations->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_atomic_int_set(&((Operation *)value)->cancel, 1);
}
