/* Ownership without any change to the host (EN-50, EN-43). */
#include <string.h>

#include "engine_private.h"
#include "error.h"
#include "planner.h"

/* The objects as their new owner has them, of Object *; those that it has already are left out.
 * NULL with an error. */
static GPtrArray *owned_by(Engine *engine, const GPtrArray *keys, const char *owner, GError **error)
{
    g_autoptr(GPtrArray) put = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(GPtrArray) none = g_ptr_array_new();

    for (guint i = 0; i < keys->len; i++) {
        const Object *object = snapshot_get(engine->stored, keys->pdata[i]);
        g_autofree char *label = object_key_label(keys->pdata[i]);
        Object *owned;

        if (object == NULL) {
            error_set(error, ERR_NOT_FOUND, "%s does not exist", label);
            return NULL;
        }
        if (strcmp(object->owner, owner) == 0)
            continue;
        owned = object_with(object, NULL, NULL);
        g_free(owned->owner);
        owned->owner = g_strdup(owner);
        g_ptr_array_add(put, owned);
    }
    return engine_check_unconfirmed(engine, put, none, 0, error) ? g_steal_pointer(&put) : NULL;
}

gboolean engine_own(Engine *engine, const GPtrArray *keys, const char *owner, GError **error)
{
    g_autoptr(GRecMutexLocker) held = store_hold(engine->store);
    g_autoptr(GPtrArray) put = owned_by(engine, keys, owner, error);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    Commit commit = {put,   none,   strcmp(owner, "api") == 0 ? "release" : "adopt",
                     owner, "done", NULL};
    gint64 generation;

    if (put == NULL || put->len == 0)
        return put != NULL;
    if (!store_begin(engine->store, TRUE, error))
        return FALSE;
    if (!store_commit(engine->store, &commit, &generation, error)) {
        store_end(engine->store, FALSE, NULL);
        return FALSE;
    }
    if (!store_end(engine->store, TRUE, error))
        return FALSE;
    store_publish(engine->store, &commit);
    engine_look(engine);
    return TRUE;
}

Plan *engine_plan_own(Engine *engine, const GPtrArray *keys, const char *owner, GError **error)
{
    g_autoptr(GPtrArray) owned = owned_by(engine, keys, owner, error);
    Plan *plan = owned != NULL ? engine_plan_nothing(engine, NULL, error) : NULL;

    if (plan == NULL)
        return NULL;
    for (guint i = 0; i < owned->len; i++)
        plan_add_adopted(plan, owned->pdata[i]);
    plan_seal(plan);
    return plan;
}
