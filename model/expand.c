#include "expand.h"

#include <string.h>

GPtrArray *expand_profiles(const Object *instance)
{
    GPtrArray *names = g_ptr_array_new();
    const json_t *list = json_object_get(instance->spec, "profiles");
    json_t *item;
    size_t i;

    if (list == NULL)
        g_ptr_array_add(names, (void *)"default");
    json_array_foreach (list, i, item)
        g_ptr_array_add(names, (void *)json_string_value(item));
    return names;
}

static const Object *profile_of(const Snapshot *snapshot, const Object *instance, const char *name)
{
    return snapshot_resolve(snapshot, KIND_PROFILE, instance->id.project, name);
}

/* D-GEN-03: a device of the same name replaces the whole entry. */
static void merge(Expanded *expanded, const Object *object)
{
    json_object_update(expanded->config, json_object_get(object->spec, "config"));
    json_object_update(expanded->devices, json_object_get(object->spec, "devices"));
}

void expand_instance(const Snapshot *snapshot, const Object *instance, Expanded *ret)
{
    g_autoptr(GPtrArray) names = expand_profiles(instance);
    const char *name;
    json_t *device;
    void *next;

    ret->config = json_object();
    ret->devices = json_object();
    for (guint i = 0; i < names->len; i++) {
        const Object *profile = profile_of(snapshot, instance, names->pdata[i]);

        if (profile != NULL)
            merge(ret, profile);
    }
    merge(ret, instance);
    json_object_foreach_safe (ret->devices, next, name, device) {
        if (g_strcmp0(json_member_string(device, "type"), "none") == 0)
            json_object_del(ret->devices, name);
    }
    json_object_update_missing(ret->config, instance->generated);
}

void expanded_clear(Expanded *expanded)
{
    g_clear_pointer(&expanded->config, json_decref);
    g_clear_pointer(&expanded->devices, json_decref);
}

/* Whether an object's own spec sets `path`: for devices the entry counts, since entries are
 * replaced whole. */
static gboolean object_sets(const Object *object, char **parts)
{
    const json_t *map = json_object_get(object->spec, parts[0]);

    return parts[1] != NULL && json_object_get(map, parts[1]) != NULL;
}

char *expand_source(const Snapshot *snapshot, const Object *instance, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", 3);
    g_autoptr(GPtrArray) names = expand_profiles(instance);

    if (object_sets(instance, parts))
        return g_strdup("instance");
    for (guint i = names->len; i > 0; i--) {
        const Object *profile = profile_of(snapshot, instance, names->pdata[i - 1]);

        if (profile != NULL && object_sets(profile, parts))
            return g_strdup_printf("profile %s", (const char *)names->pdata[i - 1]);
    }
    return NULL;
}
