#include "watch_private.h"

#include <string.h>

static char *index_name(WatchKind kind, const char *name)
{
    return g_strdup_printf("%s %s", watch_kind_name(kind), name);
}

/* ---- telling ---- */

static void tell_keys(HostWatch *watch, GHashTable *keys, const WatchFact *fact)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, keys);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        watch->tell(watch->data, key, fact);
}

void watch_tell(HostWatch *watch, WatchKind kind, const char *name, const char *what)
{
    g_autofree char *slot = index_name(kind, name);
    GHashTable *keys = g_hash_table_lookup(watch->index, slot);
    WatchFact fact = {watch_kind_name(kind), name, what};

    if (keys != NULL)
        tell_keys(watch, keys, &fact);
}

gboolean watch_has(const HostWatch *watch, WatchKind kind, const char *name)
{
    g_autofree char *slot = index_name(kind, name);

    return g_hash_table_contains(watch->index, slot);
}

void watch_tell_all(HostWatch *watch, WatchKind kind,
                    gboolean (*fits)(const char *name, void *data), void *data, const char *what)
{
    g_autofree char *prefix = index_name(kind, "");
    GHashTableIter iter;
    gpointer slot, keys;

    g_hash_table_iter_init(&iter, watch->index);
    while (g_hash_table_iter_next(&iter, &slot, &keys)) {
        const char *name = (const char *)slot + strlen(prefix);
        WatchFact fact = {watch_kind_name(kind), name, what};

        if (g_str_has_prefix(slot, prefix) && (fits == NULL || fits(name, data)))
            tell_keys(watch, keys, &fact);
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

static void add(HostWatch *watch, WatchKind kind, const char *name, const char *key)
{
    char *slot = index_name(kind, name);
    GHashTable *keys = g_hash_table_lookup(watch->index, slot);

    if (keys == NULL) {
        keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_insert(watch->index, slot, keys);
    } else {
        g_free(slot);
    }
    if (g_hash_table_add(keys, g_strdup(key)) && kind == WATCH_PATH)
        watch_files_add(watch->files, name);
}

static void drop(HostWatch *watch, WatchKind kind, const char *name, const char *key)
{
    g_autofree char *slot = index_name(kind, name);
    GHashTable *keys = g_hash_table_lookup(watch->index, slot);

    if (keys == NULL || !g_hash_table_remove(keys, key))
        return;
    if (kind == WATCH_PATH)
        watch_files_remove(watch->files, name);
    if (g_hash_table_size(keys) == 0)
        g_hash_table_remove(watch->index, slot);
}

/* A record is also a path: another one means other processes. */
static void each(HostWatch *watch, const char *key, const json_t *watched,
                 void (*act)(HostWatch *, WatchKind, const char *, const char *))
{
    for (WatchKind kind = 0; kind < WATCH_MAX; kind++) {
        const json_t *names = json_object_get(watched, watch_kind_name(kind));
        json_t *name;
        size_t i;

        json_array_foreach (names, i, name)
            act(watch, kind == WATCH_RECORD ? WATCH_PATH : kind, json_string_value(name), key);
    }
}

void host_watch_set(HostWatch *watch, const char *key, const json_t *watched)
{
    g_autoptr(json_t) before = json_incref(g_hash_table_lookup(watch->objects, key));
    const json_t *records = json_object_get(watched, watch_kind_name(WATCH_RECORD));

    if (!json_equal(before, watched)) {
        /* Everything is dropped first: two names of one object are counted once. */
        each(watch, key, before, drop);
        each(watch, key, watched, add);
        if (watched != NULL)
            g_hash_table_insert(watch->objects, g_strdup(key), json_incref((json_t *)watched));
        else
            g_hash_table_remove(watch->objects, key);
    }
    if (json_array_size(records) > 0)
        watch_records_set(watch->records, key, json_string_value(json_array_get(records, 0)),
                          json_member_string(watched, "$group"));
    else
        watch_records_remove(watch->records, key);
}

HostWatch *host_watch_new(GMainContext *context, WatchFunction tell, void *data, GError **error)
{
    g_autoptr(HostWatch) watch = g_new0(HostWatch, 1);

    watch->context = g_main_context_ref(context);
    watch->tell = tell;
    watch->data = data;
    watch->objects =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
    watch->index =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
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
    g_hash_table_unref(watch->index);
    g_hash_table_unref(watch->objects);
    g_main_context_unref(watch->context);
    g_free(watch);
}
