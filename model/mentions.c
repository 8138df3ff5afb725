#include "mentions.h"

#include <gio/gio.h>
#include <string.h>

#include "expand.h"
#include "refs.h"

struct Mentions {
    gatomicrefcount refs;
    GMutex mutex;
    GStringChunk *keys; /* each key once */
    GHashTable *words;  /* word -> GPtrArray of keys */
    guint count;        /* see mentions_count */
    guint entries;      /* of all words together */
};

Mentions *mentions_new(void)
{
    Mentions *mentions = g_new0(Mentions, 1);

    g_atomic_ref_count_init(&mentions->refs);
    g_mutex_init(&mentions->mutex);
    mentions->keys = g_string_chunk_new(4096);
    mentions->words =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    return mentions;
}

Mentions *mentions_ref(Mentions *mentions)
{
    g_atomic_ref_count_inc(&mentions->refs);
    return mentions;
}

void mentions_unref(Mentions *mentions)
{
    if (mentions == NULL || !g_atomic_ref_count_dec(&mentions->refs))
        return;
    g_hash_table_unref(mentions->words);
    g_string_chunk_free(mentions->keys);
    g_mutex_clear(&mentions->mutex);
    g_free(mentions);
}

char *mention_of(KindId kind, const char *name)
{
    return g_strconcat(KINDS[kind]->name, "/", name, NULL);
}

/* Addresses are compared by meaning. */
char *mention_of_address(const char *address)
{
    g_autoptr(GInetAddress) ip = g_inet_address_new_from_string(address);
    g_autofree char *text =
        ip != NULL ? g_inet_address_to_string(ip) : g_ascii_strdown(address, -1);

    return g_strconcat("address/", text, NULL);
}

char *mention_of_link(const char *name)
{
    return g_strconcat("link/", name, NULL);
}

/* Takes `word` over. */
static void add(Mentions *mentions, char *word, char *key)
{
    GPtrArray *keys = g_hash_table_lookup(mentions->words, word);

    if (keys == NULL) {
        keys = g_ptr_array_new();
        g_hash_table_insert(mentions->words, word, keys);
    } else {
        g_free(word);
    }
    /* The words of one object come one after another. */
    if (keys->len == 0 || keys->pdata[keys->len - 1] != key) {
        g_ptr_array_add(keys, key);
        mentions->entries++;
    }
}

static void add_devices(Mentions *mentions, const Object *object, char *key)
{
    static const char *const addresses[] = {"hwaddr", "ipv4.address", "ipv6.address"};
    const char *name;
    json_t *device;

    json_object_foreach (json_object_get(object->spec, "devices"), name, device) {
        const char *parent = json_member_string(device, "parent");

        if (parent != NULL) /* may be a managed network */
            add(mentions, mention_of(KIND_NETWORK, parent), key);
        for (guint i = 0; i < G_N_ELEMENTS(addresses); i++) {
            const char *address = json_member_string(device, addresses[i]);

            if (address != NULL)
                add(mentions, mention_of_address(address), key);
        }
    }
}

static void add_drawn(Mentions *mentions, const Object *object, char *key)
{
    const char *name;
    json_t *value;
    size_t i;

    json_object_foreach (object->generated, name, value) {
        if (g_str_has_suffix(name, ".hwaddr") && json_is_string(value))
            add(mentions, mention_of_address(json_string_value(value)), key);
        else if (g_str_has_suffix(name, ".host_name") && json_is_string(value))
            add(mentions, mention_of_link(json_string_value(value)), key);
    }
    json_array_foreach (json_object_get(object->generated, "pools"), i, value)
        add(mentions, mention_of(KIND_POOL, json_string_value(value)), key);
}

/* `after` holds KIND/NAME. */
static void add_after(Mentions *mentions, const Object *object, char *key)
{
    json_t *item;
    size_t i;

    json_array_foreach (json_object_get(object->spec, "after"), i, item) {
        g_auto(GStrv) parts = g_strsplit(json_string_value(item), "/", 2);
        const Kind *kind = parts[0] != NULL ? kind_by_name(parts[0]) : NULL;

        if (kind != NULL && parts[1] != NULL)
            add(mentions, mention_of(kind->id, parts[1]), key);
    }
}

void mentions_add(Mentions *mentions, const Object *object)
{
    g_autoptr(GArray) references = refs_of_spec(object);
    g_autoptr(GPtrArray) profiles =
        object->id.kind == KIND_INSTANCE ? expand_profiles(object) : g_ptr_array_new();
    guint entries;
    char *key;

    g_mutex_lock(&mentions->mutex);
    key = g_string_chunk_insert_const(mentions->keys, object->key);
    entries = mentions->entries;
    for (guint i = 0; i < references->len; i++) {
        const Reference *reference = &g_array_index(references, Reference, i);

        add(mentions, mention_of(reference->kind, reference->name), key);
    }
    for (guint i = 0; i < profiles->len; i++)
        add(mentions, mention_of(KIND_PROFILE, profiles->pdata[i]), key);
    if (*object->id.project != '\0')
        add(mentions, mention_of(KIND_PROJECT, object->id.project), key);
    add_devices(mentions, object, key);
    add_drawn(mentions, object, key);
    add_after(mentions, object, key);
    mentions->count += mentions->entries > entries ? 1 : 0;
    g_mutex_unlock(&mentions->mutex);
}

guint mentions_count(Mentions *mentions)
{
    guint count;

    g_mutex_lock(&mentions->mutex);
    count = mentions->count;
    g_mutex_unlock(&mentions->mutex);
    return count;
}

void mentions_collect(Mentions *mentions, const char *word, GHashTable *keys)
{
    const GPtrArray *found;

    g_mutex_lock(&mentions->mutex);
    found = g_hash_table_lookup(mentions->words, word);
    for (guint i = 0; found != NULL && i < found->len; i++) {
        if (!g_hash_table_contains(keys, found->pdata[i]))
            g_hash_table_add(keys, g_strdup(found->pdata[i]));
    }
    g_mutex_unlock(&mentions->mutex);
}
