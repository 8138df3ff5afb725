#include "lease.h"

#include "env.h"
#include "error.h"
#include "moment.h"

gint64 lease_next(Engine *engine)
{
    g_autoptr(Snapshot) model = engine_ref_stored(engine);
    gint64 now = moment_now(), next = 0;
    g_autoptr(GPtrArray) ended = env_expired(model, now, &next);

    return ended->len > 0 ? now : next;
}

void lease_each_ended(Engine *engine, LeaseFunction each, void *data)
{
    g_autoptr(Snapshot) model = engine_ref_stored(engine);
    g_autoptr(GPtrArray) names = env_expired(model, moment_now(), NULL);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *cause =
            g_strdup_printf("env down %s: its lease has ended", (char *)names->pdata[i]);

        each(data, names->pdata[i], cause);
    }
}

Plan *lease_make_end(Engine *engine, void *name, GError **error)
{
    const Snapshot *model = engine_stored(engine);
    g_autoptr(GPtrArray) ended = env_expired(model, moment_now(), NULL);
    gboolean over = g_ptr_array_find_with_equal_func(ended, name, g_str_equal, NULL);
    g_autoptr(GPtrArray) keys =
        over ? env_keys(model, name) : g_ptr_array_new_with_free_func(g_free);
    PlanOptions options = {0};

    return engine_plan_delete(engine, keys, &options, error);
}

/* What is protected, "a, b"; NULL when nothing is. Newly allocated. */
static char *protected_in(const Snapshot *model, const char *name)
{
    g_autoptr(GPtrArray) keys = env_keys(model, name);
    g_autoptr(GPtrArray) labels = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < keys->len; i++) {
        const Object *object = snapshot_get(model, keys->pdata[i]);

        if (json_is_true(json_object_get(object->spec, "protect")))
            g_ptr_array_add(labels, object_label(object));
    }
    g_ptr_array_add(labels, NULL);
    return labels->len > 1 ? g_strjoinv(", ", (char **)labels->pdata) : NULL;
}

gboolean lease_has_ended(Engine *engine, const char *name, const GError *failure, GError **error)
{
    g_autoptr(Snapshot) model = engine_ref_stored(engine);
    g_autoptr(GPtrArray) ended = env_expired(model, moment_now(), NULL);
    g_autofree char *kept = protected_in(model, name);

    if (!g_ptr_array_find_with_equal_func(ended, name, g_str_equal, NULL))
        return TRUE; /* gone, or renewed meanwhile */
    return error_set(error, ERR_FAILED, "the lease of environment %s has ended, and it stays: %s%s",
                     name,
                     failure != NULL ? failure->message
                     : kept != NULL  ? kept
                                     : "something of it is still there",
                     failure == NULL && kept != NULL ? " is protected" : "");
}

typedef struct {
    Engine *engine;
    GString *told;
    GError *failure; /* the first */
} Ending;

static void end_one(void *data, char *name, const char *cause)
{
    Ending *ending = data;
    ApplyOptions options = {.cause = cause};
    g_autofree char *key = object_key(KIND_ENVIRONMENT, "", "", name);
    g_auto(ApplyResult) result = {0};
    g_autoptr(json_t) changed = NULL;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GError) why = NULL;

    engine_transact(ending->engine, lease_make_end, name, &options, NULL, &result, &failure);
    if (lease_has_ended(ending->engine, name, failure, &why)) {
        if (result.generation > 0)
            g_string_append_printf(ending->told,
                                   "%sthe lease of environment %s has ended, and it is deleted",
                                   ending->told->len > 0 ? "\n" : "", name);
        return;
    }
    engine_set_condition(ending->engine, key, "Stalled", TRUE, why->message, &changed, NULL);
    if (ending->failure == NULL)
        ending->failure = g_steal_pointer(&why);
}

char *lease_end_due(Engine *engine, GError **error)
{
    Ending ending = {engine, g_string_new(NULL), NULL};

    lease_each_ended(engine, end_one, &ending);
    if (ending.failure != NULL)
        g_propagate_error(error, ending.failure);
    return g_string_free(ending.told, ending.told->len == 0);
}
