#include "order.h"

#include <string.h>

#include "error.h"
#include "refs.h"

typedef struct {
    Order *order;
    GHashTable *wanted;   /* set of keys */
    GHashTable *visiting; /* set of keys on the path */
    GPtrArray *path;
} Visit;

static int compare_keys(const void *a, const void *b)
{
    const char *left = *(const char *const *)a;
    const char *right = *(const char *const *)b;
    g_auto(GStrv) left_parts = g_strsplit(left, "/", 2);
    g_auto(GStrv) right_parts = g_strsplit(right, "/", 2);
    int left_kind = kind_by_name(left_parts[0])->id;
    int right_kind = kind_by_name(right_parts[0])->id;

    return left_kind != right_kind ? left_kind - right_kind : strcmp(left, right);
}

void order_free(Order *order)
{
    if (order == NULL)
        return;
    g_ptr_array_unref(order->keys);
    g_hash_table_unref(order->rank);
    g_hash_table_unref(order->needs);
    g_free(order);
}

static gboolean cycle_error(Visit *visit, const char *key, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gboolean inside = FALSE;

    for (guint i = 0; i < visit->path->len; i++) {
        g_autofree char *label = object_key_label(visit->path->pdata[i]);

        inside = inside || strcmp(visit->path->pdata[i], key) == 0;
        if (inside)
            g_string_append_printf(text, "%s -> ", label);
    }
    {
        g_autofree char *label = object_key_label(key);

        g_string_append(text, label);
    }
    return error_set(error, ERR_INVALID, "references form a cycle: %s", text->str);
}

static gboolean visit_key(Visit *visit, const char *key, GError **error)
{
    Order *order = visit->order;
    g_autoptr(GPtrArray) sorted = NULL;
    const GPtrArray *needs;

    if (g_hash_table_contains(order->rank, key))
        return TRUE;
    if (g_hash_table_contains(visit->visiting, key))
        return cycle_error(visit, key, error);
    g_hash_table_add(visit->visiting, (char *)key);
    g_ptr_array_add(visit->path, (char *)key);

    needs = g_hash_table_lookup(order->needs, key);
    sorted = g_ptr_array_new();
    for (guint i = 0; i < needs->len; i++)
        g_ptr_array_add(sorted, needs->pdata[i]);
    g_ptr_array_sort(sorted, compare_keys);
    for (guint i = 0; i < sorted->len; i++) {
        if (!visit_key(visit, sorted->pdata[i], error))
            return FALSE;
    }
    g_ptr_array_set_size(visit->path, (gint)visit->path->len - 1);
    g_hash_table_remove(visit->visiting, key);
    g_ptr_array_add(order->keys, g_strdup(key));
    g_hash_table_insert(order->rank, order->keys->pdata[order->keys->len - 1],
                        GUINT_TO_POINTER(order->keys->len));
    return TRUE;
}

/* References among the set; an object that `next` does not have any more is looked at in `base`. */
static GPtrArray *needs_of(const Snapshot *base, const Snapshot *next, const char *key,
                           GHashTable *wanted)
{
    GPtrArray *needs = g_ptr_array_new_with_free_func(g_free);
    const Object *object = snapshot_get(next, key);
    const Snapshot *snapshot = object != NULL ? next : base;
    g_autoptr(GPtrArray) all = NULL;

    if (object == NULL)
        object = snapshot_get(base, key);
    if (object == NULL)
        return needs;
    all = refs_keys(snapshot, object);
    for (guint i = 0; i < all->len; i++) {
        if (g_hash_table_contains(wanted, all->pdata[i]))
            g_ptr_array_add(needs, g_strdup(all->pdata[i]));
    }
    return needs;
}

Order *order_new(const Snapshot *base, const Snapshot *next, const GPtrArray *keys, GError **error)
{
    g_autoptr(Order) order = g_new0(Order, 1);
    g_autoptr(GHashTable) wanted = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) visiting = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) path = g_ptr_array_new();
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    Visit visit = {order, wanted, visiting, path};

    order->keys = g_ptr_array_new_with_free_func(g_free);
    order->rank = g_hash_table_new(g_str_hash, g_str_equal);
    order->needs =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < keys->len; i++) {
        if (g_hash_table_add(wanted, keys->pdata[i]))
            g_ptr_array_add(sorted, keys->pdata[i]);
    }
    g_ptr_array_sort(sorted, compare_keys);
    for (guint i = 0; i < sorted->len; i++) {
        const char *key = sorted->pdata[i];

        g_hash_table_insert(order->needs, g_strdup(key), needs_of(base, next, key, wanted));
    }
    for (guint i = 0; i < sorted->len; i++) {
        if (!visit_key(&visit, sorted->pdata[i], error))
            return NULL;
    }
    return g_steal_pointer(&order);
}

guint order_rank(const Order *order, const char *key)
{
    gpointer rank = g_hash_table_lookup(order->rank, key);

    return rank != NULL ? GPOINTER_TO_UINT(rank) - 1 : G_MAXUINT;
}
