#include "instance_copy.h"

#include <string.h>

#include "document.h"
#include "error.h"
#include "expand.h"
#include "instance/status.h"
#include "notes.h"
#include "paths.h"
#include "source_edit.h"
#include "wire.h"

/* Drawn values that say what the root is; all others belong to one instance alone. */
static const char *const OF_ROOT[] = {"volatile.base_image", "$image", NULL};

/* `ret_name` may be NULL. */
static json_t *root_of(const Snapshot *model, const Object *instance, Expanded *expanded,
                       const char **ret_name)
{
    const char *name;
    json_t *device;

    expand_instance(model, instance, expanded);
    json_object_foreach (expanded->devices, name, device) {
        if (device_is_root(device)) {
            if (ret_name != NULL)
                *ret_name = name;
            return device;
        }
    }
    return NULL;
}

char *instance_root_pool(const Snapshot *model, const Object *instance)
{
    g_auto(Expanded) expanded = {0};

    return g_strdup(json_member_string(root_of(model, instance, &expanded, NULL), "pool"));
}

static char *volume_of(Engine *engine, const Snapshot *model, const Object *instance)
{
    g_autofree char *pool = instance_root_pool(model, instance);
    g_autofree char *disk = disk_name(instance->id.project, instance->id.name);

    return path_instance_volume(engine_host(engine)->dir, pool != NULL ? pool : "", disk);
}

/* What a request does not say is as it is with the source. */
static void inherit(json_t *body, const Object *source)
{
    static const char *const maps[] = {"config", "devices"};
    static const char *const fields[] = {"profiles", "architecture", "type", "description"};
    const char *key;
    json_t *value;

    for (guint i = 0; i < G_N_ELEMENTS(maps); i++) {
        json_t *all = json_copy(json_object_get(source->spec, maps[i]));
        const json_t *given = json_object_get(body, maps[i]);

        if (all == NULL)
            all = json_object();
        json_object_foreach ((json_t *)given, key, value) {
            /* What clients read of the source and send along is drawn anew. */
            if (g_str_has_prefix(key, "volatile.last_state.") ||
                json_equal(json_object_get(source->generated, key), value))
                continue;
            json_object_set(all, key, value);
        }
        json_object_set_new(body, maps[i], all);
    }
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        const json_t *given = json_object_get(body, fields[i]);

        if (given == NULL || json_is_null(given) ||
            (json_is_string(given) && json_string_length(given) == 0))
            json_object_del(body, fields[i]);
        if (json_object_get(body, fields[i]) == NULL &&
            json_object_get(source->spec, fields[i]) != NULL)
            json_object_set(body, fields[i], json_object_get(source->spec, fields[i]));
    }
}

/* The copy as a request describes it; NULL with an error. */
static Object *described(const InstanceCopy *copy, const Object *source, GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(json_t) body = json_copy((json_t *)copy->body);
    Object *object;

    json_object_del(body, "instance_type");
    inherit(body, source);
    json_object_set_new(body, "name", json_string(copy->name));
    json_object_del(body, "source");
    object =
        document_object_from_json(KINDS[KIND_INSTANCE], copy->project, copy->name, body, problems);
    if (!problems_to_error(problems, TRUE, error))
        g_clear_pointer(&object, object_unref);
    return object;
}

/* The spec with the root disk on another pool: a device of its own, when it came by a profile. NULL
 * with an error. */
static json_t *spec_on_pool(const Snapshot *model, const Object *instance, const char *pool,
                            GError **error)
{
    g_auto(Expanded) expanded = {0};
    const char *name = NULL;
    const json_t *root = root_of(model, instance, &expanded, &name);
    json_t *spec = json_deep_copy(instance->spec);
    g_autoptr(json_t) device = json_deep_copy(root);

    if (pool == NULL)
        return spec;
    if (snapshot_find(model, KIND_POOL, "", pool) == NULL)
        error_set(error, ERR_NOT_FOUND, "Storage pool \"%s\" does not exist", pool);
    else if (root == NULL)
        error_set(error, ERR_INVALID, "the instance has no root disk that could go to a pool");
    if (snapshot_find(model, KIND_POOL, "", pool) == NULL || root == NULL) {
        json_decref(spec);
        return NULL;
    }
    json_object_set_new(device, "pool", json_string(pool));
    json_object_set(json_object_get(spec, "devices"), name, device);
    return spec;
}

/* The instance as it is, elsewhere. NULL with an error. */
static Object *moved(const InstanceCopy *copy, const Snapshot *model, const Object *source,
                     GError **error)
{
    json_t *spec = spec_on_pool(model, source, copy->pool, error);
    Object *object;

    if (spec == NULL)
        return NULL;
    object = object_new(KIND_INSTANCE, copy->project, "", copy->name, spec,
                        json_deep_copy(source->generated));
    object->created = source->created;
    return object;
}

/* The root comes from the source's volume, and is of the same image. */
static void take_root(Object *object, const Object *source, const char *volume)
{
    const char *image = json_member_string(source->generated, "volatile.base_image");

    if (json_object_get(source->spec, "source") != NULL)
        json_object_set(object->spec, "source", json_object_get(source->spec, "source"));
    for (const char *const *key = OF_ROOT; *key != NULL; key++) {
        json_t *value = json_object_get(source->generated, *key);

        if (value != NULL)
            json_object_set(object->generated, *key, value);
    }
    json_object_set_new(object->generated, "$copy_of", json_string(source->key));
    json_object_set_new(object->generated, "$copy_from", json_string(volume));
    json_object_set_new(object->generated, "$copy_image", json_string(image != NULL ? image : ""));
}

/* A directory is read file by file while they change; a snapshot is of one moment. */
static gboolean check_quiet(const InstanceCopy *copy, const Snapshot *model, const Object *source,
                            const Object *target, GError **error)
{
    g_autofree char *disk = disk_name(source->id.project, source->id.name);
    g_autofree char *from = instance_root_pool(model, source);
    g_autofree char *to = instance_root_pool(model, target);
    const Object *pool = from != NULL ? snapshot_find(model, KIND_POOL, "", from) : NULL;
    gboolean runs = instance_status(copy->call->daemon->dir, disk) != INSTANCE_STOPPED;
    gboolean at_once = pool != NULL && g_strcmp0(from, to) == 0 &&
                       g_strcmp0(json_member_string(pool->spec, "driver"), "btrfs") == 0;

    if (runs && copy->body == NULL)
        return error_set(error, ERR_INVALID, "Instance \"%s\" is running: stop it to move it",
                         source->id.name);
    return !runs || at_once || copy->inconsistent ||
           error_set(error, ERR_INVALID,
                     "Instance \"%s\" is running, and its files would be read while they change: "
                     "stop it, or allow an inconsistent copy",
                     source->id.name);
}

Plan *instance_copy_plan(Engine *engine, void *data, GError **error)
{
    const InstanceCopy *copy = data;
    const Snapshot *model = engine_stored(engine);
    const Object *source = snapshot_find(model, KIND_INSTANCE, copy->from_project, copy->from);
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    PlanOptions options = {.forbid_restart = TRUE};
    g_autofree char *volume = NULL;
    Object *object;

    if (source == NULL) {
        error_set(error, ERR_NOT_FOUND, "Instance not found");
        return NULL;
    }
    if (snapshot_find(model, KIND_INSTANCE, copy->project, copy->name) != NULL) {
        error_set(error, ERR_EXISTS, "Instance \"%s\" already exists", copy->name);
        return NULL;
    }
    object =
        copy->body != NULL ? described(copy, source, error) : moved(copy, model, source, error);
    if (object == NULL)
        return NULL;
    g_ptr_array_add(objects, object);
    volume = volume_of(engine, model, source);
    take_root(object, source, volume);
    if (!check_quiet(copy, model, source, object, error))
        return NULL;
    if (copy->body == NULL)
        g_ptr_array_add(keys, source->key);
    return engine_plan_change(engine, objects, keys, &options, error);
}

/* A rename draws what it needs anew, but for what it carries over. */
static Object *on_pool(const PoolMove *move, const Object *source, json_t *spec)
{
    Object *object;

    if (strcmp(move->name, source->id.name) == 0) {
        g_autoptr(json_t) owned = spec;

        return object_with(source, owned, NULL);
    }
    object = object_new(KIND_INSTANCE, source->id.project, "", move->name, spec, NULL);
    json_object_set_new(object->spec, "renamed_from", json_string(source->id.name));
    object->created = source->created;
    return object;
}

Plan *instance_pool_plan(Engine *engine, void *data, GError **error)
{
    const PoolMove *move = data;
    const Snapshot *model = engine_stored(engine);
    const Object *source = snapshot_find(model, KIND_INSTANCE, move->call->project, move->from);
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    PlanOptions options = {.forbid_restart = TRUE};
    g_autoptr(json_t) notes = NULL;
    json_t *spec;
    Object *object;
    Plan *plan;

    if (source == NULL) {
        error_set(error, ERR_NOT_FOUND, "Instance not found");
        return NULL;
    }
    spec = spec_on_pool(model, source, move->pool, error);
    if (spec == NULL)
        return NULL;
    object = on_pool(move, source, spec);
    g_ptr_array_add(objects, object);
    if (!source_edit_check(engine, source, object, move->call->caller->username, &notes, error))
        return NULL;
    plan = engine_plan_change(engine, objects, NULL, &options, error);
    if (plan != NULL)
        notes_join(&plan->notes, notes);
    return plan;
}
