#include "planner.h"

typedef struct {
    Host *host;
    const GPtrArray *objects, *contexts;
    json_t **facts;
    GError **errors;
} Observing;

static void observe_one(gpointer data, gpointer user_data)
{
    Observing *observing = user_data;
    guint i = GPOINTER_TO_UINT(data) - 1;

    observing->facts[i] = host_observe(observing->host, observing->contexts->pdata[i],
                                       observing->objects->pdata[i], &observing->errors[i]);
}

/* Below this many objects a thread costs more than it brings. */
#define OBSERVE_ALONE 8

GPtrArray *planner_observe(Host *host, const GPtrArray *objects, const GPtrArray *contexts,
                           GError **error)
{
    g_autoptr(GPtrArray) result = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    g_autofree json_t **facts = g_new0(json_t *, objects->len + 1);
    g_autofree GError **errors = g_new0(GError *, objects->len + 1);
    Observing observing = {host, objects, contexts, facts, errors};
    GThreadPool *pool = NULL;

    if (objects->len > OBSERVE_ALONE)
        pool =
            g_thread_pool_new(observe_one, &observing, (gint)g_get_num_processors(), FALSE, NULL);
    for (guint i = 0; i < objects->len; i++) {
        if (pool != NULL)
            g_thread_pool_push(pool, GUINT_TO_POINTER(i + 1), NULL);
        else
            observe_one(GUINT_TO_POINTER(i + 1), &observing);
    }
    if (pool != NULL)
        g_thread_pool_free(pool, FALSE, TRUE);
    for (guint i = 0; i < objects->len; i++) {
        if (facts[i] != NULL)
            g_ptr_array_add(result, facts[i]);
        if (errors[i] != NULL && error != NULL && *error == NULL) {
            g_autofree char *label = object_label(objects->pdata[i]);

            g_propagate_prefixed_error(error, g_steal_pointer(&errors[i]), "%s: ", label);
        }
        g_clear_error(&errors[i]);
    }
    return result->len == objects->len ? g_steal_pointer(&result) : NULL;
}
