#include "snapshot.h"

#include <string.h>

#include "mentions.h"

struct Snapshot {
    gatomicrefcount refs;
    guint64 serial;
    GPtrArray *objects; /* of Object *, sorted by key */
    GMutex mutex;       /* what follows */
    Mentions *mentions; /* shared with snapshots made from this one; NULL until it is asked for */
    GPtrArray *unread;  /* of Object *: what is not in it yet */
};

Snapshot *snapshot_new(void)
{
    static _Atomic guint64 made;
    Snapshot *snapshot = g_new0(Snapshot, 1);

    g_atomic_ref_count_init(&snapshot->refs);
    snapshot->serial = ++made;
    g_mutex_init(&snapshot->mutex);
    snapshot->objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    snapshot->unread = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
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
    g_ptr_array_unref(snapshot->unread);
    mentions_unref(snapshot->mentions);
    g_mutex_clear(&snapshot->mutex);
    g_free(snapshot);
}

/* Shares what was read of `base`, unless most of it would be out of date by now. */
static void inherit_mentions(Snapshot *snapshot, Snapshot *base, const GPtrArray *objects)
{
    guint put = objects != NULL ? objects->len : 0;

    g_mutex_lock(&base->mutex);
    if (base->mentions != NULL && mentions_count(base->mentions) + base->unread->len + put <=
                                      2 * MAX(snapshot->objects->len, base->objects->len)) {
        snapshot->mentions = mentions_ref(base->mentions);
        for (guint i = 0; i < base->unread->len; i++)
            g_ptr_array_add(snapshot->unread, object_ref(base->unread->pdata[i]));
        for (guint i = 0; i < put; i++)
            g_ptr_array_add(snapshot->unread, object_ref(objects->pdata[i]));
    }
    g_mutex_unlock(&base->mutex);
}

/* Position of the first object whose key is not less than `key`. */
static guint lower_bound(const GPtrArray *objects, const char *key)
{
    guint low = 0, high = objects->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (strcmp(((const Object *)objects->pdata[middle])->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* What becomes of one key. */
typedef struct {
    const char *key;
    const Object *object; /* NULL: it goes */
} Edit;

static int compare_edits(const void *a, const void *b)
{
    return strcmp(((const Edit *)a)->key, ((const Edit *)b)->key);
}

static GArray *sorted_edits(const GPtrArray *objects, const GPtrArray *keys)
{
    GArray *edits = g_array_new(FALSE, FALSE, sizeof(Edit));

    for (guint i = 0; keys != NULL && i < keys->len; i++) {
        Edit edit = {keys->pdata[i], NULL};

        g_array_append_val(edits, edit);
    }
    for (guint i = 0; objects != NULL && i < objects->len; i++) {
        Edit edit = {((const Object *)objects->pdata[i])->key, objects->pdata[i]};

        g_array_append_val(edits, edit);
    }
    g_array_sort(edits, compare_edits);
    return edits;
}

/* Adds the objects of `old` from `first` to before `last`. */
static void add_range(GPtrArray *objects, const GPtrArray *old, guint first, guint last)
{
    for (guint i = first; i < last; i++)
        g_ptr_array_add(objects, object_ref(old->pdata[i]));
}

Snapshot *snapshot_change(const Snapshot *base, const GPtrArray *objects, const GPtrArray *keys)
{
    g_autoptr(GArray) edits = sorted_edits(objects, keys);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    const GPtrArray *old = base != NULL ? base->objects : none;
    Snapshot *snapshot = snapshot_new();
    guint done = 0;

    for (guint i = 0; i < edits->len; i++) {
        const Edit *edit = &g_array_index(edits, Edit, i);
        guint at = lower_bound(old, edit->key);

        add_range(snapshot->objects, old, done, at);
        if (edit->object != NULL)
            g_ptr_array_add(snapshot->objects, object_ref(edit->object));
        done = MAX(done, at);
        if (done < old->len && strcmp(((const Object *)old->pdata[done])->key, edit->key) == 0)
            done++;
    }
    add_range(snapshot->objects, old, done, old->len);
    if (base != NULL)
        inherit_mentions(snapshot, (Snapshot *)base, objects);
    return snapshot;
}

guint64 snapshot_serial(const Snapshot *snapshot)
{
    return snapshot->serial;
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
    guint at = lower_bound(snapshot->objects, key);
    const Object *object = at < snapshot->objects->len ? snapshot->objects->pdata[at] : NULL;

    return object != NULL && strcmp(object->key, key) == 0 ? object : NULL;
}

void snapshot_mentions(const Snapshot *snapshot, const char *word, GHashTable *keys)
{
    Snapshot *shared = (Snapshot *)snapshot;

    g_mutex_lock(&shared->mutex);
    if (shared->mentions == NULL) {
        shared->mentions = mentions_new();
        for (guint i = 0; i < shared->objects->len; i++)
            mentions_add(shared->mentions, shared->objects->pdata[i]);
    }
    for (guint i = 0; i < shared->unread->len; i++)
        mentions_add(shared->mentions, shared->unread->pdata[i]);
    g_ptr_array_set_size(shared->unread, 0);
    mentions_collect(shared->mentions, word, keys);
    g_mutex_unlock(&shared->mutex);
}

void snapshot_read_again(const Snapshot *snapshot, const Object *object)
{
    Snapshot *shared = (Snapshot *)snapshot;

    g_mutex_lock(&shared->mutex);
    if (shared->mentions != NULL)
        g_ptr_array_add(shared->unread, object_ref(object));
    g_mutex_unlock(&shared->mutex);
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

void snapshot_range(const Snapshot *snapshot, KindId kind, const char *project, guint *ret_first,
                    guint *ret_count)
{
    g_autofree char *from = g_strdup_printf("%s/%s/", KINDS[kind]->name, project);
    /* '0' is the character after '/'. */
    g_autofree char *to = g_strdup_printf("%s/%s0", KINDS[kind]->name, project);

    *ret_first = lower_bound(snapshot->objects, from);
    *ret_count = lower_bound(snapshot->objects, to) - *ret_first;
}

void snapshot_compare(const Snapshot *before, const Snapshot *after, SnapshotDifference each,
                      void *data)
{
    guint size = before != NULL ? before->objects->len : 0, a = 0, b = 0;

    while (a < size || b < after->objects->len) {
        const Object *old = a < size ? before->objects->pdata[a] : NULL;
        const Object *new = b < after->objects->len ? after->objects->pdata[b] : NULL;
        int order = old == NULL   ? 1
                    : new == NULL ? -1
                    : old == new  ? 0
                                  : strcmp(old->key, new->key);

        if (old != new)
            each(order <= 0 ? old : NULL, order >= 0 ? new : NULL, data);
        a += order <= 0 ? 1 : 0;
        b += order >= 0 ? 1 : 0;
    }
}
