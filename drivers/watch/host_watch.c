#include "watch_private.h"

#include <string.h>

/* What one object stands on. */
typedef struct {
    char *key;
    GPtrArray *slots; /* of Slot *, by name */
} Watched;

/* One thing of the host that objects stand on. */
typedef struct {
    WatchKind kind;
    char *name;      /* "KIND NAME" */
    GPtrArray *used; /* of Watched * */
} Slot;

static void slot_free(gpointer data)
{
    Slot *slot = data;

    g_ptr_array_unref(slot->used);
    g_free(slot->name);
    g_free(slot);
}

static void watched_free(gpointer data)
{
    Watched *watched = data;

    g_ptr_array_unref(watched->slots);
    g_free(watched->key);
    g_free(watched);
}

static char *index_name(WatchKind kind, const char *name)
{
    return g_strdup_printf("%s %s", watch_kind_name(kind), name);
}

static const char *name_in(const Slot *slot)
{
    return slot->name + strlen(watch_kind_name(slot->kind)) + 1;
}

static Slot *find(const HostWatch *watch, WatchKind kind, const char *name)
{
    g_autofree char *text = index_name(kind, name);

    return g_tree_lookup(watch->index, text);
}

/* ---- telling ---- */

static void tell_slot(HostWatch *watch, const Slot *slot, const char *what)
{
    WatchFact fact = {watch_kind_name(slot->kind), name_in(slot), what};

    for (guint i = 0; i < slot->used->len; i++)
        watch->tell(watch->data, ((const Watched *)slot->used->pdata[i])->key, &fact);
}

void watch_tell(HostWatch *watch, WatchKind kind, const char *name, const char *what)
{
    const Slot *slot = find(watch, kind, name);

    if (slot != NULL)
        tell_slot(watch, slot, what);
}

gboolean watch_has(const HostWatch *watch, WatchKind kind, const char *name)
{
    return find(watch, kind, name) != NULL;
}

void watch_tell_below(HostWatch *watch, WatchKind kind, const char *top, const char *what)
{
    g_autofree char *prefix = index_name(kind, top != NULL ? top : "");

    for (GTreeNode *node = g_tree_lower_bound(watch->index, prefix); node != NULL;
         node = g_tree_node_next(node)) {
        const Slot *slot = g_tree_node_value(node);
        char after;

        if (!g_str_has_prefix(slot->name, prefix))
            return;
        after = slot->name[strlen(prefix)];
        if (top == NULL || g_str_has_suffix(top, "/") || after == '\0' || after == '/')
            tell_slot(watch, slot, what);
    }
}

void watch_tell_lost(HostWatch *watch, const char *who)
{
    WatchFact fact = {"lost", who, "changed"};

    watch->tell(watch->data, NULL, &fact);
}

/* ---- sources ---- */

GSource *watch_source(HostWatch *watch, int fd, GIOCondition condition, GUnixFDSourceFunc call,
                      void *data)
{
    GSource *source = g_unix_fd_source_new(fd, condition);

    g_source_set_callback(source, G_SOURCE_FUNC(call), data, NULL);
    g_source_attach(source, watch->context);
    return source;
}

void watch_source_end(GSource *source)
{
    if (source == NULL)
        return;
    g_source_destroy(source);
    g_source_unref(source);
}

/* ---- what is watched ---- */

/* Takes `name` over. */
static void add(HostWatch *watch, Watched *watched, WatchKind kind, char *name)
{
    Slot *slot = g_tree_lookup(watch->index, name);

    if (slot == NULL) {
        slot = g_new0(Slot, 1);
        slot->kind = kind;
        slot->name = name;
        slot->used = g_ptr_array_new();
        g_tree_insert(watch->index, slot->name, slot);
    } else {
        g_free(name);
    }
    g_ptr_array_add(slot->used, watched);
    g_ptr_array_add(watched->slots, slot);
    if (kind == WATCH_PATH)
        watch_files_add(watch->files, name_in(slot));
}

static void drop_all(HostWatch *watch, Watched *watched)
{
    for (guint i = 0; i < watched->slots->len; i++) {
        Slot *slot = watched->slots->pdata[i];

        if (slot->kind == WATCH_PATH)
            watch_files_remove(watch->files, name_in(slot));
        g_ptr_array_remove_fast(slot->used, watched);
        if (slot->used->len == 0)
            g_tree_remove(watch->index, slot->name);
    }
    g_ptr_array_set_size(watched->slots, 0);
}

typedef struct {
    WatchKind kind;
    char *name; /* of a slot */
} Wish;

static void wish_clear(gpointer wish)
{
    g_free(((Wish *)wish)->name);
}

static int compare_wishes(const void *a, const void *b)
{
    return strcmp(((const Wish *)a)->name, ((const Wish *)b)->name);
}

/* Each once, by name. A record is also a path: another one means other processes. */
static GArray *wishes_of(const json_t *watched)
{
    GArray *wishes = g_array_new(FALSE, FALSE, sizeof(Wish));

    g_array_set_clear_func(wishes, wish_clear);
    for (WatchKind kind = 0; kind < WATCH_MAX; kind++) {
        const json_t *names = json_object_get(watched, watch_kind_name(kind));
        WatchKind as = kind == WATCH_RECORD ? WATCH_PATH : kind;
        json_t *name;
        size_t i;

        json_array_foreach (names, i, name) {
            Wish wish = {as, index_name(as, json_string_value(name))};

            g_array_append_val(wishes, wish);
        }
    }
    g_array_sort(wishes, compare_wishes);
    for (guint i = 1; i < wishes->len;) {
        if (compare_wishes(&g_array_index(wishes, Wish, i - 1), &g_array_index(wishes, Wish, i)) ==
            0)
            g_array_remove_index(wishes, i);
        else
            i++;
    }
    return wishes;
}

static gboolean is_so(const Watched *watched, const GArray *wishes)
{
    if (watched->slots->len != wishes->len)
        return FALSE;
    for (guint i = 0; i < wishes->len; i++)
        if (strcmp(((const Slot *)watched->slots->pdata[i])->name,
                   g_array_index(wishes, Wish, i).name) != 0)
            return FALSE;
    return TRUE;
}

static Watched *watched_of(HostWatch *watch, const char *key)
{
    Watched *watched = g_hash_table_lookup(watch->objects, key);

    if (watched == NULL) {
        watched = g_new0(Watched, 1);
        watched->key = g_strdup(key);
        watched->slots = g_ptr_array_new();
        g_hash_table_insert(watch->objects, watched->key, watched);
    }
    return watched;
}

void host_watch_set(HostWatch *watch, const char *key, const json_t *what)
{
    Watched *watched = watched_of(watch, key);
    const json_t *records = json_object_get(what, watch_kind_name(WATCH_RECORD));
    g_autoptr(GArray) wishes = wishes_of(what);

    if (!is_so(watched, wishes)) {
        drop_all(watch, watched);
        for (guint i = 0; i < wishes->len; i++) {
            Wish *wish = &g_array_index(wishes, Wish, i);

            add(watch, watched, wish->kind, g_steal_pointer(&wish->name));
        }
    }
    if (watched->slots->len == 0)
        g_hash_table_remove(watch->objects, key);
    if (json_array_size(records) > 0)
        watch_records_set(watch->records, key, json_string_value(json_array_get(records, 0)),
                          json_member_string(what, "$group"));
    else
        watch_records_remove(watch->records, key);
}

static int compare_names(const void *a, const void *b, void *unused)
{
    return strcmp(a, b);
}

HostWatch *host_watch_new(GMainContext *context, WatchFunction tell, void *data, GError **error)
{
    g_autoptr(HostWatch) watch = g_new0(HostWatch, 1);

    watch->context = g_main_context_ref(context);
    watch->tell = tell;
    watch->data = data;
    watch->objects = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, watched_free);
    watch->index = g_tree_new_full(compare_names, NULL, NULL, slot_free);
    watch->records = watch_records_new(watch);
    watch->files = watch_files_new(watch, error);
    watch->links = watch->files != NULL ? watch_links_new(watch, error) : NULL;
    watch->chains = watch->links != NULL ? watch_chains_new(watch, error) : NULL;
    watch->mounts = watch->chains != NULL ? watch_mounts_new(watch, error) : NULL;
    return watch->mounts != NULL ? g_steal_pointer(&watch) : NULL;
}

void host_watch_free(HostWatch *watch)
{
    if (watch == NULL)
        return;
    watch_records_free(watch->records);
    watch_mounts_free(watch->mounts);
    watch_chains_free(watch->chains);
    watch_links_free(watch->links);
    watch_files_free(watch->files);
    g_tree_unref(watch->index);
    g_hash_table_unref(watch->objects);
    g_main_context_unref(watch->context);
    g_free(watch);
}
