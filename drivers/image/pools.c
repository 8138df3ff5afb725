#include "image/pools.h"

#include <string.h>

#include "expand.h"
#include "image_origin.h"
#include "text.h"

static gboolean is_alias(const Object *image, const char *name)
{
    json_t *alias;
    gsize i;

    if (strcmp(image->id.name, name) == 0)
        return TRUE;
    json_array_foreach (json_object_get(image->spec, "aliases"), i, alias)
        if (g_strcmp0(json_string_value(alias), name) == 0)
            return TRUE;
    return FALSE;
}

static gboolean is_made_from(const Context *context, const Object *instance, const Object *image,
                             const char *fingerprint)
{
    const json_t *source = json_object_get(instance->spec, "source");
    const char *alias = json_member_string(source, "alias");
    const char *prefix = json_member_string(source, "fingerprint");

    if (strcmp(snapshot_project_for(context->next, KIND_IMAGE, instance->id.project),
               image->id.project) != 0)
        return FALSE;
    if (image_origin_is_remote(source))
        return g_strcmp0(json_member_string(instance->generated, "volatile.base_image"),
                         fingerprint) == 0;
    return (alias != NULL && (is_alias(image, alias) || g_str_has_prefix(fingerprint, alias))) ||
           (prefix != NULL && g_str_has_prefix(fingerprint, prefix));
}

/* The pool of the root disk (ST-016). Expanding the whole instance would cost more than all the
 * rest here. */
static const char *root_pool_of(const json_t *devices, GHashTable *seen)
{
    const char *name, *found = NULL;
    json_t *device;

    json_object_foreach ((json_t *)devices, name, device) {
        if (!g_hash_table_add(seen, (gpointer)name))
            continue; /* what comes first wins: the instance, then its profiles from the last */
        if (device_is_root(device))
            found = json_member_string(device, "pool");
    }
    return found;
}

static const char *root_pool(const Context *context, const Object *instance)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) profiles = expand_profiles(instance);
    const char *pool = root_pool_of(json_object_get(instance->spec, "devices"), seen);

    for (guint i = profiles->len; pool == NULL && i-- > 0;) {
        const Object *profile =
            snapshot_resolve(context->next, KIND_PROFILE, instance->id.project, profiles->pdata[i]);

        if (profile != NULL)
            pool = root_pool_of(json_object_get(profile->spec, "devices"), seen);
    }
    return pool;
}

static void add_pool(const Context *context, GHashTable *pools, const char *name)
{
    if (name != NULL && snapshot_find(context->next, KIND_POOL, "", name) != NULL)
        g_hash_table_add(pools, (gpointer)name);
}

gboolean image_pools_draw(const Context *context, const Object *image, json_t *generated,
                          GError **error)
{
    const char *fingerprint = json_member_string(generated, "fingerprint");
    g_autoptr(GHashTable) pools = g_hash_table_new(g_str_hash, g_str_equal);
    g_autofree gpointer *names = NULL;
    g_autoptr(json_t) list = json_array();
    json_t *name;
    guint count, first, known;
    gsize at;

    /* Once on a pool, it stays there until the image or the pool goes. */
    json_array_foreach (json_object_get(generated, "pools"), at, name)
        add_pool(context, pools, json_string_value(name));
    snapshot_range(context->next, KIND_POOL, "", &first, &known);
    for (guint i = 0; fingerprint != NULL && i < snapshot_size(context->next) &&
                      g_hash_table_size(pools) < known; /* more pools there are not */
         i++) {
        const Object *object = snapshot_at(context->next, i);

        if (object->id.kind == KIND_INSTANCE && is_made_from(context, object, image, fingerprint))
            add_pool(context, pools, root_pool(context, object));
    }
    names = g_hash_table_get_keys_as_array(pools, &count);
    qsort(names, count, sizeof(*names), text_compare);
    for (guint i = 0; i < count; i++)
        json_array_append_new(list, json_string(names[i]));
    json_object_set(generated, "pools", list);
    return TRUE;
}
