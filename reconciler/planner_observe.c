#include "planner.h"

typedef struct {
    Host *host;
    const GArray *sights;
    json_t **facts;
    GError **errors;
} Observing;

/* Adds to `facts` what only `more` has, at every depth. */
static void add_missing(json_t *facts, const json_t *more)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)more, key, value) {
        json_t *own = json_object_get(facts, key);

        if (own == NULL)
            json_object_set(facts, key, value);
        else if (json_is_object(own) && json_is_object(value))
            add_missing(own, value);
    }
}

static json_t *observe_sight(Host *host, const Sight *sight, GError **error)
{
    g_autoptr(json_t) facts = host_observe(host, sight->context, sight->object, error);
    g_autoptr(json_t) former = NULL;

    if (facts == NULL || sight->former == NULL)
        return g_steal_pointer(&facts);
    former = host_observe(host, sight->former_context, sight->former, error);
    if (former == NULL)
        return NULL;
    add_missing(facts, former);
    return g_steal_pointer(&facts);
}

static void observe_one(gpointer data, gpointer user_data)
{
    Observing *observing = user_data;
    guint i = GPOINTER_TO_UINT(data) - 1;

    observing->facts[i] = observe_sight(
        observing->host, &g_array_index(observing->sights, Sight, i), &observing->errors[i]);
}

/* Below this many objects a thread costs more than it brings. */
#define OBSERVE_ALONE 8

GPtrArray *planner_observe(Host *host, const GArray *sights, GError **error)
{
    g_autoptr(GPtrArray) result = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    g_autofree json_t **facts = g_new0(json_t *, sights->len + 1);
    g_autofree GError **errors = g_new0(GError *, sights->len + 1);
    Observing observing = {host, sights, facts, errors};
    GThreadPool *pool = NULL;

    if (host->ops->observes_slowly && sights->len > OBSERVE_ALONE)
        pool =
            g_thread_pool_new(observe_one, &observing, (gint)g_get_num_processors(), FALSE, NULL);
    for (guint i = 0; i < sights->len; i++) {
        if (pool != NULL)
            g_thread_pool_push(pool, GUINT_TO_POINTER(i + 1), NULL);
        else
            observe_one(GUINT_TO_POINTER(i + 1), &observing);
    }
    if (pool != NULL)
        g_thread_pool_free(pool, FALSE, TRUE);
    for (guint i = 0; i < sights->len; i++) {
        if (facts[i] != NULL)
            g_ptr_array_add(result, facts[i]);
        if (errors[i] != NULL && error != NULL && *error == NULL) {
            g_autofree char *label = object_label(g_array_index(sights, Sight, i).object);

            g_propagate_prefixed_error(error, g_steal_pointer(&errors[i]), "%s: ", label);
        }
        g_clear_error(&errors[i]);
    }
    return result->len == sights->len ? g_steal_pointer(&result) : NULL;
}
