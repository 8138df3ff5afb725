#include "locks.h"

#include <string.h>

#include "refs.h"

#define ALONE (-1)

struct Locks {
    GHashTable *holders; /* key -> how many hold it together, or ALONE */
};

Locks *locks_new(void)
{
    Locks *locks = g_new0(Locks, 1);

    locks->holders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return locks;
}

void locks_free(Locks *locks)
{
    if (locks == NULL)
        return;
    g_hash_table_unref(locks->holders);
    g_free(locks);
}

static gint holders_of(const Locks *locks, const char *key)
{
    return GPOINTER_TO_INT(g_hash_table_lookup(locks->holders, key));
}

gboolean locks_try(Locks *locks, const LockSet *set)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, set->alone);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (holders_of(locks, key) != 0)
            return FALSE;
    }
    g_hash_table_iter_init(&iter, set->together);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (holders_of(locks, key) == ALONE)
            return FALSE;
    }
    g_hash_table_iter_init(&iter, set->alone);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_hash_table_insert(locks->holders, g_strdup(key), GINT_TO_POINTER(ALONE));
    g_hash_table_iter_init(&iter, set->together);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_hash_table_insert(locks->holders, g_strdup(key),
                            GINT_TO_POINTER(holders_of(locks, key) + 1));
    return TRUE;
}

void locks_release(Locks *locks, const LockSet *set)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, set->alone);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_hash_table_remove(locks->holders, key);
    g_hash_table_iter_init(&iter, set->together);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        gint left = holders_of(locks, key) - 1;

        if (left == 0)
            g_hash_table_remove(locks->holders, key);
        else
            g_hash_table_insert(locks->holders, g_strdup(key), GINT_TO_POINTER(left));
    }
}

gboolean locks_is_held(const Locks *locks, const char *key)
{
    return holders_of(locks, key) == ALONE;
}

/* ---- what a plan needs ---- */

void lock_set_free(LockSet *set)
{
    if (set == NULL)
        return;
    g_hash_table_unref(set->alone);
    g_hash_table_unref(set->together);
    g_free(set);
}

static void add_references(const Snapshot *snapshot, const Object *object, GHashTable *together)
{
    g_autoptr(GPtrArray) keys = refs_keys(snapshot, object);

    for (guint i = 0; i < keys->len; i++) {
        const Object *needed = snapshot_get(snapshot, keys->pdata[i]);

        if (g_hash_table_add(together, g_strdup(keys->pdata[i])) && needed != NULL)
            add_references(snapshot, needed, together);
    }
}

static gboolean draws(const Object *stored, const Object *wanted)
{
    return wanted != NULL && json_object_size(wanted->generated) >
                                 (stored != NULL ? json_object_size(stored->generated) : 0);
}

/* A range of its own, whoever asked for it: the instance, or one of its profiles. "0" is the range
 * that all share. */
static gboolean draws_ids(const Object *stored, const Object *wanted)
{
    const char *base =
        wanted != NULL ? json_member_string(wanted->generated, "volatile.idmap.base") : NULL;
    const char *before =
        stored != NULL ? json_member_string(stored->generated, "volatile.idmap.base") : NULL;

    return base != NULL && strcmp(base, "0") != 0 && g_strcmp0(base, before) != 0;
}

/* Two drawings from one stock do not see each other's values before they are committed. MAC
 * addresses and uuids come from the object's own name. */
static void add_stock(const Object *stored, const Object *wanted, GHashTable *alone)
{
    if (draws(stored, wanted) && wanted->id.kind == KIND_NETWORK)
        g_hash_table_add(alone, g_strdup("stock/subnets"));
    if (draws_ids(stored, wanted))
        g_hash_table_add(alone, g_strdup("stock/ids"));
}

static gboolean has_limits(const Object *project)
{
    const char *key;
    json_t *value;

    json_object_foreach (json_object_get(project->spec, "config"), key, value) {
        if (g_str_has_prefix(key, "limits."))
            return TRUE;
    }
    return FALSE;
}

static void add_limited_project(const Snapshot *next, const Object *object, GHashTable *alone)
{
    const Object *project = object->id.project[0] != '\0'
                                ? snapshot_find(next, KIND_PROJECT, "", object->id.project)
                                : NULL;

    if (project != NULL && has_limits(project))
        g_hash_table_add(alone, g_strdup(project->key));
}

/* While an instance is copied it neither goes nor starts. */
static void add_copied(const Object *wanted, GHashTable *together)
{
    const char *source = json_member_string(wanted->generated, "$copy_of");

    if (source != NULL)
        g_hash_table_add(together, g_strdup(source));
}

LockSet *lock_set_of_plan(const Plan *plan)
{
    LockSet *set = g_new0(LockSet, 1);
    GHashTableIter iter;
    gpointer key;

    set->alone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    set->together = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        if (object->stored != NULL) {
            g_hash_table_add(set->alone, g_strdup(object->stored->key));
            add_references(plan->base, object->stored, set->together);
        }
        if (object->wanted != NULL) {
            g_hash_table_add(set->alone, g_strdup(object->wanted->key));
            add_references(plan->next, object->wanted, set->together);
            add_limited_project(plan->next, object->wanted, set->alone);
            if (object->stored == NULL)
                add_copied(object->wanted, set->together);
        }
        add_stock(object->stored, object->wanted, set->alone);
    }
    g_hash_table_iter_init(&iter, set->together);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (g_hash_table_contains(set->alone, key))
            g_hash_table_iter_remove(&iter);
    }
    return set;
}
