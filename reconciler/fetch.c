/* What a plan needs from elsewhere, such as images of other servers: fetched before any lock. */
#include <string.h>

#include "engine_private.h"

/* Whose steps make something, and so may need what is not here yet. */
static gboolean makes_something(const Plan *plan, const PlanObject *object)
{
    for (guint i = 0; object->wanted != NULL && i < plan->steps->len; i++) {
        const Step *step = &((const PlanStep *)plan->steps->pdata[i])->step;

        if (step->to != NULL && strcmp(step->key, object->key) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean engine_has_all(Engine *engine, const Plan *plan)
{
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        if (object->wanted != NULL && !host_is_here(engine->host, object->wanted) &&
            makes_something(plan, object))
            return FALSE;
    }
    return TRUE;
}

typedef struct {
    const ApplyOptions *options;
    const Object *object;
} Teller;

static void tell(void *data, const char *part, guint64 done, guint64 all, guint64 speed)
{
    const Teller *teller = data;

    teller->options->fetching(teller->options->progress_data, teller->object, part, done, all,
                              speed);
}

static gboolean fetch_object(Engine *engine, const Object *object, json_t *generated,
                             const FetchReport *report, GError **error)
{
    g_autofree char *label = NULL;

    if (host_fetch(engine->host, object, generated, report, error))
        return TRUE;
    label = object_label(object);
    g_prefix_error(error, "%s: ", label);
    return FALSE;
}

gboolean engine_fetch(Engine *engine, const Plan *plan, const ApplyOptions *options, GError **error)
{
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];
        Teller teller = {options, object->wanted};
        FetchReport report = {options->fetching != NULL ? tell : NULL, &teller, options->cancel};
        g_autoptr(json_t) generated = NULL;

        if (object->wanted == NULL || host_is_here(engine->host, object->wanted) ||
            !makes_something(plan, object))
            continue;
        generated = json_deep_copy(object->wanted->generated);
        if (!fetch_object(engine, object->wanted, generated, &report, error))
            return FALSE;
    }
    return TRUE;
}

GPtrArray *engine_fetched(Engine *engine, const Plan *plan, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    const FetchReport silent = {0};

    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];
        g_autoptr(json_t) generated = NULL;

        if (object->wanted == NULL || !makes_something(plan, object))
            continue;
        generated = json_deep_copy(object->wanted->generated);
        if (!fetch_object(engine, object->wanted, generated, &silent, error))
            return NULL;
        if (!json_equal(generated, object->wanted->generated))
            g_ptr_array_add(found, object_with(object->wanted, NULL, generated));
    }
    return g_steal_pointer(&found);
}

void engine_fetch_end(Engine *engine, const Plan *plan)
{
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        if (object->wanted != NULL && makes_something(plan, object))
            host_fetched(engine->host, object->wanted);
    }
}
