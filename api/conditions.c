#include "conditions.h"

#include <string.h>

#include "wire.h"

struct Conditions {
    Daemon *daemon;
    ConditionFunction told;
    void *data;
    GMutex mutex;
    GHashTable *known; /* key -> {TYPE: reason} of those that hold, as last told */
};

static void remember(Conditions *conditions, const char *key, const char *type, gboolean status,
                     const char *reason)
{
    json_t *types = g_hash_table_lookup(conditions->known, key);

    if (types == NULL) {
        types = json_object();
        g_hash_table_insert(conditions->known, g_strdup(key), types);
    }
    if (status)
        json_object_set_new(types, type, json_string(reason));
    else
        json_object_del(types, type);
}

/* Whether this was told already. A commit clears conditions in the store without telling. */
static gboolean is_known(Conditions *conditions, const char *key, const char *type, gboolean status,
                         const char *reason)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&conditions->mutex);
    const json_t *types = g_hash_table_lookup(conditions->known, key);
    const char *before = json_member_string(types, type);

    if (status ? g_strcmp0(before, reason) == 0 : before == NULL)
        return TRUE;
    remember(conditions, key, type, status, reason);
    return FALSE;
}

Conditions *conditions_new(Daemon *daemon)
{
    Conditions *conditions = g_new0(Conditions, 1);
    g_autoptr(json_t) stored = engine_conditions(daemon->engine, NULL, NULL);
    size_t i;
    json_t *condition;

    conditions->daemon = daemon;
    g_mutex_init(&conditions->mutex);
    conditions->known =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
    json_array_foreach (stored, i, condition)
        remember(conditions, json_member_string(condition, "object"),
                 json_member_string(condition, "type"),
                 json_is_true(json_object_get(condition, "status")),
                 json_member_string(condition, "reason"));
    return conditions;
}

void conditions_free(Conditions *conditions)
{
    if (conditions == NULL)
        return;
    g_hash_table_unref(conditions->known);
    g_mutex_clear(&conditions->mutex);
    g_free(conditions);
}

void conditions_listen(Conditions *conditions, ConditionFunction told, void *data)
{
    conditions->told = told;
    conditions->data = data;
}

static void tell(Conditions *conditions, const Object *object, json_t *condition)
{
    const char *project = object_kind(object)->flags & KIND_IN_PROJECT ? object->id.project : NULL;
    g_autofree char *path = object->id.kind == KIND_SERVER ? g_strdup("") : wire_path(object);

    if (conditions->told != NULL)
        conditions->told(conditions->data, object, condition);
    events_lifecycle(conditions->daemon->events, "condition-changed", project, path,
                     json_incref(condition), NULL);
}

gboolean conditions_set(Conditions *conditions, const Object *object, const char *type,
                        gboolean status, const char *reason)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) changed = NULL;
    gboolean known = is_known(conditions, object->key, type, status, reason);

    if (!engine_set_condition(conditions->daemon->engine, object->key, type, status, reason,
                              &changed, &error))
        g_warning("%s is %s%s, which cannot be stored: %s", object->key, status ? "" : "not ", type,
                  error->message);
    if (known)
        return FALSE;
    if (changed == NULL) /* stored so already */
        changed = json_pack("{s:s, s:s, s:b, s:s, s:I}", "object", object->key, "type", type,
                            "status", status, "reason", status ? reason : "", "since",
                            (json_int_t)(g_get_real_time() / G_USEC_PER_SEC));
    tell(conditions, object, changed);
    return TRUE;
}

guint conditions_count(Conditions *conditions, const char *type)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&conditions->mutex);
    GHashTableIter iter;
    gpointer types;
    guint count = 0;

    g_hash_table_iter_init(&iter, conditions->known);
    while (g_hash_table_iter_next(&iter, NULL, &types))
        count += json_object_get(types, type) != NULL ? 1 : 0;
    return count;
}

void conditions_forget(Conditions *conditions, const char *key)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&conditions->mutex);

    g_hash_table_remove(conditions->known, key);
}
