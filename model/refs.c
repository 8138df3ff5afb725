#include "refs.h"

#include <string.h>

#include "expand.h"
#include "image_origin.h"

static void reference_clear(gpointer data)
{
    g_free(((Reference *)data)->path);
}

static void add(GArray *references, const Row *row, const char *name, const char *path)
{
    const Kind *kind = kind_by_name(row->ref);
    Reference reference;

    if (kind == NULL || name == NULL || *name == '\0')
        return;
    for (guint i = 0; row->values != NULL && row->values[i] != NULL; i++) {
        if (strcmp(row->values[i], name) == 0)
            return; /* a word such as "none", not a name */
    }
    reference = (Reference){kind->id, name, g_strdup(path)};
    g_array_append_val(references, reference);
}

static void add_fields(GArray *references, const Row *rows, const json_t *object,
                       const char *prefix)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)object, key, value) {
        const Row *row = row_find(rows, key);
        g_autofree char *path = NULL;

        if (row == NULL || (row->fields == NULL && row->ref == NULL))
            continue;
        path = g_strconcat(prefix, key, NULL);
        if (row->fields != NULL && json_is_object(value)) {
            g_autofree char *below = g_strdup_printf("%s/", path);

            add_fields(references, row->fields, value, below);
        } else if (row->ref != NULL && json_is_string(value)) {
            add(references, row, json_string_value(value), path);
        } else if (row->ref != NULL && json_is_array(value)) {
            json_t *item;
            size_t i;

            json_array_foreach (value, i, item)
                add(references, row, json_string_value(item), path);
        }
    }
}

/* Of an image that comes from a server, what is named is there; here it is known by its
 * fingerprint, once that was found out. */
static void add_remote_image(GArray *references, const Object *object)
{
    const char *fingerprint = json_member_string(object->generated, "volatile.base_image");
    Reference reference = {KIND_IMAGE, fingerprint, NULL};

    for (guint i = references->len; i-- > 0;)
        if (g_str_has_prefix(g_array_index(references, Reference, i).path, "source/"))
            g_array_remove_index(references, i);
    if (fingerprint == NULL)
        return;
    reference.path = g_strdup("source");
    g_array_append_val(references, reference);
}

GArray *refs_of_spec(const Object *object)
{
    const Kind *kind = object_kind(object);
    GArray *references = g_array_new(FALSE, FALSE, sizeof(Reference));
    const char *name;
    json_t *device;

    g_array_set_clear_func(references, reference_clear);
    add_fields(references, kind->fields, object->spec, "");
    if (object->id.kind == KIND_INSTANCE &&
        image_origin_is_remote(json_object_get(object->spec, "source")))
        add_remote_image(references, object);
    if (kind->config != NULL)
        add_fields(references, kind->config, json_object_get(object->spec, "config"), "config/");
    json_object_foreach (json_object_get(object->spec, "devices"), name, device) {
        const DeviceType *type = device_type_of(NULL, object->id.project, device, NULL);
        g_autofree char *prefix = g_strdup_printf("devices/%s/", name);

        if (type != NULL)
            add_fields(references, type->rows, device, prefix);
    }
    return references;
}

const Object *refs_find_image(const Snapshot *snapshot, const char *project, const char *name)
{
    const char *owner = snapshot_project_for(snapshot, KIND_IMAGE, project);
    const Object *image = snapshot_find(snapshot, KIND_IMAGE, owner, name);
    const Object *by_prefix = NULL;
    guint matches = 0, first, count;

    if (image != NULL)
        return image;
    snapshot_range(snapshot, KIND_IMAGE, owner, &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *object = snapshot_at(snapshot, i);
        const char *fingerprint;
        json_t *alias;
        size_t at;

        json_array_foreach (json_object_get(object->spec, "aliases"), at, alias) {
            if (g_strcmp0(json_string_value(alias), name) == 0)
                return object;
        }
        fingerprint = json_member_string(object->generated, "fingerprint");
        if (fingerprint != NULL && g_str_has_prefix(fingerprint, name)) {
            /* Two names of the same bytes are one image. */
            if (by_prefix == NULL || g_strcmp0(fingerprint, json_member_string(by_prefix->generated,
                                                                               "fingerprint")) != 0)
                matches++;
            by_prefix = object;
        }
    }
    return matches == 1 ? by_prefix : NULL;
}

const Object *refs_resolve(const Snapshot *snapshot, const Object *object,
                           const Reference *reference)
{
    if (reference->kind == KIND_IMAGE)
        return refs_find_image(snapshot, object->id.project, reference->name);
    return snapshot_resolve(snapshot, reference->kind, object->id.project, reference->name);
}

typedef struct {
    GPtrArray *keys;
    GHashTable *seen;
} KeySet;

static void key_add(KeySet *set, const char *key)
{
    if (key == NULL || g_hash_table_contains(set->seen, key))
        return;
    g_ptr_array_add(set->keys, g_strdup(key));
    g_hash_table_add(set->seen, set->keys->pdata[set->keys->len - 1]);
}

/* A NIC may name a managed bridge as any host interface: it has to be there first all the same. */
static void add_parent(const Snapshot *snapshot, const Object *owner, const json_t *device,
                       KeySet *set)
{
    const char *parent = json_member_string(device, "parent");
    const Object *network =
        parent != NULL && g_strcmp0(json_member_string(device, "type"), "nic") == 0
            ? snapshot_resolve(snapshot, KIND_NETWORK, owner->id.project, parent)
            : NULL;

    key_add(set, network != NULL ? network->key : NULL);
}

static void add_device_references(const Snapshot *snapshot, const Object *instance, KeySet *set)
{
    g_auto(Expanded) expanded = {0};
    const char *name;
    json_t *device;

    expand_instance(snapshot, instance, &expanded);
    json_object_foreach (expanded.devices, name, device) {
        const DeviceType *type = device_type_of(NULL, instance->id.project, device, NULL);
        g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(Reference));

        g_array_set_clear_func(found, reference_clear);
        if (type != NULL)
            add_fields(found, type->rows, device, "");
        for (guint i = 0; i < found->len; i++) {
            const Object *target =
                refs_resolve(snapshot, instance, &g_array_index(found, Reference, i));

            key_add(set, target != NULL ? target->key : NULL);
        }
        add_parent(snapshot, instance, device, set);
    }
}

/* `after` holds OBJ in text: KIND/NAME. */
static void add_after(const Snapshot *snapshot, const Object *object, KeySet *set)
{
    json_t *item;
    size_t i;

    json_array_foreach (json_object_get(object->spec, "after"), i, item) {
        g_auto(GStrv) parts = g_strsplit(json_string_value(item), "/", 2);
        const Kind *kind = parts[0] != NULL ? kind_by_name(parts[0]) : NULL;
        const Object *target;

        if (kind == NULL || parts[1] == NULL)
            continue;
        target = snapshot_resolve(snapshot, kind->id, object->id.project, parts[1]);
        key_add(set, target != NULL ? target->key : NULL);
    }
}

/* An image has a volume on each pool where an instance uses it (ST-100). */
static void add_pools(const Snapshot *snapshot, const Object *image, KeySet *set)
{
    json_t *name;
    size_t i;

    json_array_foreach (json_object_get(image->generated, "pools"), i, name) {
        const Object *pool = snapshot_find(snapshot, KIND_POOL, "", json_string_value(name));

        key_add(set, pool != NULL ? pool->key : NULL);
    }
}

GPtrArray *refs_keys(const Snapshot *snapshot, const Object *object)
{
    g_autoptr(GArray) references = refs_of_spec(object);
    KeySet set = {g_ptr_array_new_with_free_func(g_free),
                  g_hash_table_new(g_str_hash, g_str_equal)};

    if (*object->id.project != '\0') {
        const Object *project = snapshot_find(snapshot, KIND_PROJECT, "", object->id.project);

        key_add(&set, project != NULL ? project->key : NULL);
    }
    for (guint i = 0; i < references->len; i++) {
        const Object *target =
            refs_resolve(snapshot, object, &g_array_index(references, Reference, i));

        key_add(&set, target != NULL ? target->key : NULL);
    }
    if (object->id.kind == KIND_PROFILE) {
        const char *name;
        json_t *device;

        json_object_foreach (json_object_get(object->spec, "devices"), name, device)
            add_parent(snapshot, object, device, &set);
    }
    if (object->id.kind == KIND_IMAGE)
        add_pools(snapshot, object, &set);
    if (object->id.kind == KIND_INSTANCE) {
        g_autoptr(GPtrArray) profiles = expand_profiles(object);

        for (guint i = 0; i < profiles->len; i++) {
            const Object *profile =
                snapshot_resolve(snapshot, KIND_PROFILE, object->id.project, profiles->pdata[i]);

            key_add(&set, profile != NULL ? profile->key : NULL);
        }
        add_device_references(snapshot, object, &set);
    }
    add_after(snapshot, object, &set);
    g_hash_table_unref(set.seen);
    return set.keys;
}

const Object *refs_find_certificate(const Snapshot *snapshot, const char *prefix,
                                    guint *ret_matches)
{
    g_autofree char *lower = g_ascii_strdown(prefix, -1);
    g_auto(GStrv) pairs = g_strsplit(lower, ":", -1);
    g_autofree char *plain = g_strjoinv("", pairs);
    const Object *found = NULL;
    guint first, count;

    *ret_matches = 0;
    snapshot_range(snapshot, KIND_CERTIFICATE, "", &first, &count);
    for (guint i = first; i < first + count && *plain != '\0'; i++) {
        const Object *entry = snapshot_at(snapshot, i);

        if (!g_str_has_prefix(entry->id.name, plain))
            continue;
        found = entry;
        (*ret_matches)++;
    }
    return *ret_matches == 1 ? found : NULL;
}
