#include "wire.h"

#include <string.h>

#include "instance/status.h"
#include "refs.h"
#include "text.h"
#include "wire_instance.h"

char *wire_path(const Object *object)
{
    const char *fingerprint = json_member_string(object->generated, "fingerprint");
    gboolean image = object->id.kind == KIND_IMAGE && fingerprint != NULL;
    g_autofree char *escaped =
        g_uri_escape_string(image ? fingerprint : object->id.name, NULL, FALSE);

    return g_strdup_printf("%s/%s", object_kind(object)->api, escaped);
}

char *wire_url(const Object *object)
{
    g_autofree char *path = wire_path(object);
    gboolean elsewhere =
        object->id.project[0] != '\0' && strcmp(object->id.project, "default") != 0;
    g_autofree char *project =
        elsewhere ? g_uri_escape_string(object->id.project, NULL, FALSE) : NULL;

    return g_strdup_printf("/1.0/%s%s%s", path, elsewhere ? "?project=" : "",
                           elsewhere ? project : "");
}

gboolean wire_is_set(const Object *object, const char *key)
{
    const char *set = json_member_string(json_object_get(object->spec, "config"), key);

    return set != NULL && strcmp(set, "auto") != 0;
}

json_t *wire_config(const Object *object)
{
    json_t *config = json_copy(json_object_get(object->spec, "config"));
    const char *key;
    json_t *value;

    if (config == NULL)
        config = json_object();
    json_object_foreach (object->generated, key, value) {
        /* '$' marks what is berth's own. */
        if (key[0] != '$' && json_is_string(value) && !wire_is_set(object, key))
            json_object_set(config, key, value);
    }
    return config;
}

Object *wire_server(const Snapshot *model)
{
    const Object *stored = snapshot_find(model, KIND_SERVER, "", "");

    return stored != NULL
               ? object_ref(stored)
               : object_new(KIND_SERVER, "", "", "", json_pack("{s:{}}", "config"), NULL);
}

char *wire_etag(const Object *object)
{
    g_autoptr(json_t) edited = json_copy(object->spec);

    json_object_set_new(edited, "$name", json_string(object->id.name));
    return json_digest(edited);
}

static json_t *used_by(const Object *object, GHashTable *users)
{
    const GPtrArray *urls = users != NULL ? g_hash_table_lookup(users, object->key) : NULL;
    json_t *list = json_array();

    for (guint i = 0; urls != NULL && i < urls->len; i++)
        json_array_append_new(list, json_string(urls->pdata[i]));
    return list;
}

static json_t *text_of(const Object *object, const char *field)
{
    const char *text = json_member_string(object->spec, field);

    return json_string(text != NULL ? text : "");
}

/* berth's own kinds have no config: they look as in a state file. */
static json_t *wire_fields(const Object *object, GHashTable *users)
{
    json_t *wire = json_copy(object->spec);

    json_object_set_new(wire, "name", json_string(object->id.name));
    json_object_set_new(wire, "used_by", used_by(object, users));
    return wire;
}

json_t *wire_object(Daemon *daemon, const Snapshot *model, const Object *object, GHashTable *users)
{
    json_t *wire;

    if (object->id.kind == KIND_INSTANCE)
        return wire_instance(daemon, model, object);
    if ((object_kind(object)->flags & KIND_CONFIG) == 0)
        return wire_fields(object, users);
    wire = json_pack("{s:s, s:o, s:o, s:o}", "name", object->id.name, "description",
                     text_of(object, "description"), "config", wire_config(object), "used_by",
                     used_by(object, users));
    if (object_kind(object)->flags & KIND_DEVICES)
        json_object_set(wire, "devices", json_object_get(object->spec, "devices"));
    switch (object->id.kind) {
    case KIND_NETWORK:
        json_object_set_new(wire, "managed", json_true());
        json_object_set_new(wire, "type", json_string("bridge"));
        if (json_member_string(object->spec, "type") != NULL)
            json_object_set(wire, "type", json_object_get(object->spec, "type"));
        break;
    case KIND_POOL:
        json_object_set_new(wire, "driver", text_of(object, "driver"));
        break;
    default:
        return wire;
    }
    json_object_set_new(wire, "status", json_string("Created"));
    json_object_set_new(wire, "locations", json_pack("[s]", "none"));
    return wire;
}

/* ---- who uses what ---- */

static GHashTable *make_index(const Snapshot *model)
{
    GHashTable *index =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    GHashTableIter iter;
    gpointer urls;

    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *object = snapshot_at(model, i);
        g_autoptr(GPtrArray) needs = refs_keys(model, object);
        g_autofree char *url = wire_url(object);

        for (guint j = 0; j < needs->len; j++) {
            urls = g_hash_table_lookup(index, needs->pdata[j]);
            if (urls == NULL) {
                urls = g_ptr_array_new_with_free_func(g_free);
                g_hash_table_insert(index, g_strdup(needs->pdata[j]), urls);
            }
            g_ptr_array_add(urls, g_strdup(url));
        }
    }
    g_hash_table_iter_init(&iter, index);
    while (g_hash_table_iter_next(&iter, NULL, &urls))
        g_ptr_array_sort(urls, text_compare);
    return index;
}

GHashTable *users_index(Daemon *daemon, const Snapshot *model)
{
    static GMutex mutex;
    static Snapshot
        *known; /* the model that `index` was made of, kept so that its address means it */
    static GHashTable *index;
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);

    if (known != model) {
        g_clear_pointer(&known, snapshot_unref);
        g_clear_pointer(&index, g_hash_table_unref);
        known = snapshot_ref(model);
        index = make_index(model);
    }
    return g_hash_table_ref(index);
}
