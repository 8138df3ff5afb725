#include "instance_new.h"

#include <string.h>

#include "edit.h"
#include "error.h"
#include "image/remote.h"
#include "image_origin.h"
#include "instance_type.h"
#include "petname.h"
#include "refs.h"

#define DRAWS 100

/* ---- the body ---- */

/* Whether an image has all of the properties. */
static gboolean has_properties(const Object *image, const json_t *wanted)
{
    const json_t *maps[] = {json_object_get(image->spec, "properties"),
                            json_object_get(image->generated, "properties")};
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)wanted, key, value) {
        if (!json_equal(json_object_get(maps[0], key), value) &&
            !json_equal(json_object_get(maps[1], key), value))
            return FALSE;
    }
    return TRUE;
}

/* LXD takes the newest that fits. */
static const Object *find_image(Call *call, const json_t *properties, GError **error)
{
    const Object *newest = NULL;
    guint first, count;

    snapshot_range(call->model, KIND_IMAGE, call_project_for(call, KIND_IMAGE), &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *image = snapshot_at(call->model, i);

        if (has_properties(image, properties) &&
            (newest == NULL || image->created > newest->created))
            newest = image;
    }
    if (newest == NULL)
        error_set(error, ERR_NOT_FOUND, "No matching image could be found");
    return newest;
}

/* Names the image itself: what an alias means later is nothing to the instance (EN-09). */
static void pin(json_t *source, const Object *image)
{
    const char *fingerprint = json_member_string(image->generated, "fingerprint");

    if (fingerprint != NULL)
        json_object_del(source, "alias");
    json_object_set_new(source, fingerprint != NULL ? "fingerprint" : "alias",
                        json_string(fingerprint != NULL ? fingerprint : image->id.name));
}

/* What only means something beside a server; clients send it along. */
static void drop_origin(json_t *source)
{
    static const char *const members[] = {"server", "protocol",   "certificate", "secret",
                                          "mode",   "image_type", "project"};

    for (guint i = 0; i < G_N_ELEMENTS(members); i++)
        json_object_del(source, members[i]);
}

/* The source as the model has it; an image of a server is found by the plan, as for state files.
 * NULL with an error. */
static json_t *source_of(Call *call, const json_t *asked, GError **error)
{
    const json_t *source = json_object_get(asked, "source");
    const char *type = json_member_string(source, "type");
    json_t *properties = json_object_get(source, "properties");
    const char *alias = json_member_string(source, "alias");
    g_autoptr(json_t) found = source != NULL ? json_copy((json_t *)source) : json_object();
    const Object *image = NULL;

    if (g_strcmp0(type, "none") == 0)
        return json_pack("{s:s}", "type", "none");
    if (type == NULL || strcmp(type, "image") != 0) {
        error_set(error, type == NULL || *type == '\0' ? ERR_INVALID : ERR_UNSUPPORTED,
                  "source.type: \"%s\" is not supported by this build; an instance is made from an "
                  "\"image\", a \"copy\" of one of this server, or \"none\"",
                  type != NULL ? type : "");
        return NULL;
    }
    if (image_origin_is_remote(source)) /* a socket of this host is root's */
        return image_remote_check(source, call->caller->admin, error) ? g_steal_pointer(&found)
                                                                      : NULL;
    drop_origin(found);
    if (json_object_size(properties) > 0) {
        image = find_image(call, properties, error);
        if (image == NULL)
            return NULL;
        json_object_del(found, "properties");
    } else if (alias != NULL) {
        image = refs_find_image(call->model, call->project, alias);
        if (image == NULL) {
            error_set(error, ERR_NOT_FOUND, "source.alias: there is no image %s", alias);
            return NULL;
        }
    }
    if (image != NULL)
        pin(found, image);
    return g_steal_pointer(&found);
}

/* IMG-100 to IMG-103: an image may say which profiles its instances have. */
static void take_profiles(Call *call, json_t *body, const json_t *source)
{
    const json_t *asked = json_object_get(body, "profiles");
    const char *name = json_member_string(source, "alias");
    const Object *image = NULL;
    json_t *profiles;

    if ((asked != NULL && !json_is_null(asked)) || image_origin_is_remote(source))
        return;
    if (name == NULL)
        name = json_member_string(source, "fingerprint");
    if (name != NULL)
        image = refs_find_image(call->model, call->project, name);
    profiles = image != NULL ? json_object_get(image->spec, "profiles") : NULL;
    if (json_is_array(profiles))
        json_object_set(body, "profiles", profiles);
}

json_t *instance_new_body(Call *call, const json_t *asked, GError **error)
{
    g_autoptr(json_t) body = json_copy((json_t *)asked);
    const char *type = json_member_string(asked, "instance_type");
    json_t *source = source_of(call, asked, error);

    if (source == NULL)
        return NULL;
    json_object_set_new(body, "source", source);
    take_profiles(call, body, source);
    json_object_del(body, "instance_type");
    if (strcmp(call->collection, "virtual-machines") == 0 && json_object_get(body, "type") == NULL)
        json_object_set_new(body, "type", json_string("virtual-machine"));
    if (type != NULL && *type != '\0') {
        json_t *config = instance_type_config(type, error);

        if (config == NULL)
            return NULL;
        /* What is set beside it wins (I-554). */
        json_object_update(config, json_object_get(asked, "config"));
        json_object_set_new(body, "config", config);
    }
    return g_steal_pointer(&body);
}

/* ---- the name ---- */

/* Keys of instances that are being made. */
static GMutex taken_mutex;
static GHashTable *taken;

struct NewName {
    char *name, *key;
};

static gboolean take(Call *call, const char *name, NewName **ret)
{
    g_autofree char *key = object_key(KIND_INSTANCE, call->project, "", name);
    g_autoptr(Snapshot) model = engine_ref_stored(call->daemon->engine);
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&taken_mutex);

    if (taken == NULL)
        taken = g_hash_table_new(g_str_hash, g_str_equal);
    if (snapshot_get(model, key) != NULL || g_hash_table_contains(taken, key) ||
        engine_is_busy(call->daemon->engine, key))
        return FALSE;
    *ret = g_new0(NewName, 1);
    **ret = (NewName){g_strdup(name), g_steal_pointer(&key)};
    g_hash_table_add(taken, (*ret)->key);
    return TRUE;
}

NewName *new_name_take(Call *call, const json_t *asked, GError **error)
{
    const char *name = json_string_value(asked);
    NewName *found = NULL;

    if (asked != NULL && name == NULL) {
        error_set(error, ERR_INVALID, "name: a text is needed");
        return NULL;
    }
    if (name != NULL && *name != '\0') {
        if (!take(call, name, &found))
            error_set(error, ERR_EXISTS, "Instance \"%s\" already exists", name);
        return found;
    }
    for (guint i = 0; i < DRAWS; i++) {
        g_autofree char *drawn = petname_draw();

        if (take(call, drawn, &found))
            return found;
    }
    error_set(error, ERR_FAILED, "no free name was drawn in %d tries; give one", DRAWS);
    return NULL;
}

const char *new_name_text(const NewName *name)
{
    return name->name;
}

void new_name_free(NewName *name)
{
    if (name == NULL)
        return;
    g_mutex_lock(&taken_mutex);
    g_hash_table_remove(taken, name->key);
    g_mutex_unlock(&taken_mutex);
    g_free(name->name);
    g_free(name->key);
    g_free(name);
}

/* ---- what the model says ---- */

gboolean instance_new_check(Call *call, const char *name, const json_t *body, GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    g_autoptr(json_t) named = json_copy((json_t *)body);
    g_autoptr(Object) object = NULL;
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autoptr(Snapshot) next = NULL;

    json_object_set_new(named, "name", json_string(name));
    object = document_object_from_json(KINDS[KIND_INSTANCE], call->project, name, named, problems);
    if (!problems_to_error(problems, TRUE, error))
        return FALSE;
    if (!KINDS[KIND_INSTANCE]->check_name(name, error))
        return FALSE;
    g_ptr_array_add(objects, object);
    g_ptr_array_add(keys, object->key);
    next = snapshot_change(call->model, objects, NULL);
    validate_object(next, object, problems);
    validate_snapshot(next, keys, problems);
    return problems_to_error(problems, TRUE, error);
}
