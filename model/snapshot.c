#include "snapshot.h"

#include <string.h>

struct Snapshot {
    gatomicrefcount refs;
    GPtrArray *objects; /* of Object *, sorted by key */
};

Snapshot *snapshot_new(void)
{
    Snapshot *snapshot = g_new0(Snapshot, 1);

    g_atomic_ref_count_init(&snapshot->refs);
    snapshot->objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    return snapshot;
}

Snapshot *snapshot_ref(const Snapshot *snapshot)
{
    Snapshot *shared = (Snapshot *)snapshot;

    g_atomic_ref_count_inc(&shared->refs);
    return shared;
}

void snapshot_unref(Snapshot *snapshot)
{
    if (snapshot == NULL || !g_atomic_ref_count_dec(&snapshot->refs))
        return;
    g_ptr_array_unref(snapshot->objects);
    g_free(snapshot);
}

static int compare_objects(const void *a, const void *b)
{
    return strcmp((*(const Object *const *)a)->key, (*(const Object *const *)b)->key);
}

Snapshot *snapshot_change(const Snapshot *base, const GPtrArray *objects, const GPtrArray *keys)
{
    g_autoptr(GHashTable) replaced = g_hash_table_new(g_str_hash, g_str_equal);
    Snapshot *snapshot = snapshot_new();

    for (guint i = 0; keys != NULL && i < keys->len; i++)
        g_hash_table_add(replaced, keys->pdata[i]);
    for (guint i = 0; objects != NULL && i < objects->len; i++) {
        const Object *object = objects->pdata[i];

        g_hash_table_add(replaced, object->key);
        g_ptr_array_add(snapshot->objects, object_ref(object));
    }
    for (guint i = 0; base != NULL && i < base->objects->len; i++) {
        const Object *object = base->objects->pdata[i];

        if (!g_hash_table_contains(replaced, object->key))
            g_ptr_array_add(snapshot->objects, object_ref(object));
    }
    g_ptr_array_sort(snapshot->objects, compare_objects);
    return snapshot;
}

guint snapshot_size(const Snapshot *snapshot)
{
    return snapshot->objects->len;
}

const Object *snapshot_at(const Snapshot *snapshot, guint position)
{
    return snapshot->objects->pdata[position];
}

const Object *snapshot_get(const Snapshot *snapshot, const char *key)
{
    guint low = 0, high = snapshot->objects->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        const Object *object = snapshot->objects->pdata[middle];
        int order = strcmp(object->key, key);

        if (order == 0)
            return object;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const Object *snapshot_find(const Snapshot *snapshot, KindId kind, const char *project,
                            const char *name)
{
    g_autofree char *key =
        object_key(kind, (KINDS[kind]->flags & KIND_IN_PROJECT) != 0 ? project : "", "", name);

    return snapshot_get(snapshot, key);
}

const char *snapshot_project_for(const Snapshot *snapshot, KindId kind, const char *project)
{
    const Kind *record = KINDS[kind];
    const Object *owner;

    if ((record->flags & KIND_IN_PROJECT) == 0)
        return "";
    if (record->feature == NULL || strcmp(project, "default") == 0)
        return project;
    owner = snapshot_find(snapshot, KIND_PROJECT, "", project);
    if (owner == NULL)
        return "default";
    return type_is_true(object_config_or_default(owner, record->feature)) ? project : "default";
}

const Object *snapshot_resolve(const Snapshot *snapshot, KindId kind, const char *project,
                               const char *name)
{
    return snapshot_find(snapshot, kind, snapshot_project_for(snapshot, kind, project), name);
}

/* The first position whose key is not before `text`. */
static guint lower_bound(const Snapshot *snapshot, const char *text)
{
    guint low = 0, high = snapshot_size(snapshot);

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (strcmp(snapshot_at(snapshot, middle)->key, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void snapshot_range(const Snapshot *snapshot, KindId kind, const char *project, guint *ret_first,
                    guint *ret_count)
{
    g_autofree char *from = g_strdup_printf("%s/%s/", KINDS[kind]->name, project);
    /* '0' is the character after '/'. */
    g_autofree char *to = g_strdup_printf("%s/%s0", KINDS[kind]->name, project);

    *ret_first = lower_bound(snapshot, from);
    *ret_count = lower_bound(snapshot, to) - *ret_first;
}
