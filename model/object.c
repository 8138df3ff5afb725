#include "object.h"

#include <string.h>

void origin_clear(gpointer data)
{
    Origin *origin = data;

    g_free(origin->path);
    g_free(origin->file);
    g_free(origin->via);
}

char *object_key(KindId kind, const char *project, const char *parent, const char *name)
{
    return g_strdup_printf("%s/%s/%s/%s", KINDS[kind]->name, project != NULL ? project : "",
                           parent != NULL ? parent : "", name != NULL ? name : "");
}

Object *object_new(KindId kind, const char *project, const char *parent, const char *name,
                   json_t *spec, json_t *generated)
{
    Object *object = g_new0(Object, 1);

    g_atomic_ref_count_init(&object->refs);
    object->id.kind = kind;
    object->id.project = g_strdup(project != NULL ? project : "");
    object->id.parent = g_strdup(parent != NULL ? parent : "");
    object->id.name = g_strdup(name != NULL ? name : "");
    object->key = object_key(kind, project, parent, name);
    object->spec = spec;
    object->generated = generated != NULL ? generated : json_object();
    object->owner = g_strdup("api");
    return object;
}

Object *object_ref(const Object *object)
{
    Object *shared = (Object *)object;

    g_atomic_ref_count_inc(&shared->refs);
    return shared;
}

void object_unref(Object *object)
{
    if (object == NULL || !g_atomic_ref_count_dec(&object->refs))
        return;
    g_free(object->id.project);
    g_free(object->id.parent);
    g_free(object->id.name);
    g_free(object->key);
    json_decref(object->spec);
    json_decref(object->generated);
    g_free(object->owner);
    g_free(object->file);
    if (object->origins != NULL)
        g_array_unref(object->origins);
    g_free(object);
}

Object *object_with(const Object *object, const json_t *spec, const json_t *generated)
{
    const ObjectId *id = &object->id;
    Object *copy = object_new(id->kind, id->project, id->parent, id->name,
                              json_deep_copy(spec != NULL ? spec : object->spec),
                              json_deep_copy(generated != NULL ? generated : object->generated));

    g_free(copy->owner);
    copy->owner = g_strdup(object->owner);
    copy->created = object->created;
    copy->file = g_strdup(object->file);
    /* Origins are never changed once an object is shared. */
    copy->origins = object->origins != NULL ? g_array_ref(object->origins) : NULL;
    return copy;
}

Object *object_moved(const Object *object, const char *project, const char *name, json_t *spec)
{
    Object *moved = object_new(object->id.kind, project, object->id.parent, name, spec,
                               json_deep_copy(object->generated));

    moved->file = g_strdup(object->file);
    moved->origins = object->origins != NULL ? g_array_ref(object->origins) : NULL;
    return moved;
}

int object_compare(const void *a, const void *b)
{
    return strcmp((*(const Object *const *)a)->key, (*(const Object *const *)b)->key);
}

const Kind *object_kind(const Object *object)
{
    return KINDS[object->id.kind];
}

char *object_key_label(const char *key)
{
    g_auto(GStrv) parts = g_strsplit(key, "/", 4);
    GString *label;

    if (g_strv_length(parts) < 4)
        return g_strdup(key);
    label = g_string_new(parts[0]);
    if (*parts[2] != '\0')
        g_string_append_printf(label, "/%s", parts[2]);
    if (*parts[3] != '\0')
        g_string_append_printf(label, "/%s", parts[3]);
    if (*parts[1] != '\0' && strcmp(parts[1], "default") != 0)
        g_string_append_printf(label, " (project %s)", parts[1]);
    return g_string_free(label, FALSE);
}

char *object_label(const Object *object)
{
    return object_key_label(object->key);
}

const char *object_config(const Object *object, const char *key)
{
    const char *value = json_member_string(json_object_get(object->spec, "config"), key);

    return value != NULL ? value : json_member_string(object->generated, key);
}

const char *object_config_or_default(const Object *object, const char *key)
{
    const char *value = object_config(object, key);
    const Row *row;

    if (value != NULL)
        return value;
    row = row_find(object_kind(object)->config, key);
    return row != NULL ? row->fallback : NULL;
}

void object_add_origin(Object *object, const char *path, guint line, guint column)
{
    Origin origin = {.path = g_strdup(path), .line = line, .column = column};

    if (object->origins == NULL) {
        object->origins = g_array_new(FALSE, FALSE, sizeof(Origin));
        g_array_set_clear_func(object->origins, origin_clear);
    }
    g_array_append_val(object->origins, origin);
}

/* `outer` is `inner` itself or an enclosing path of it ("" encloses all). */
static gboolean path_encloses(const char *outer, const char *inner)
{
    gsize length = strlen(outer);

    return length == 0 ||
           (strncmp(outer, inner, length) == 0 && (inner[length] == '\0' || inner[length] == '/'));
}

void object_keep_origin(Object *object, const char *path)
{
    GArray *origins = object->origins;

    if (origins == NULL)
        return;
    /* Copies of the object share the array. */
    object->origins = NULL;
    object_add_origin(object, path, 0, 0);
    for (guint i = 0; i < origins->len; i++) {
        const Origin *origin = &g_array_index(origins, Origin, i);
        Origin copy = {.path = g_strdup(origin->path),
                       .line = origin->line,
                       .column = origin->column,
                       .file = g_strdup(origin->file),
                       .via = g_strdup(origin->via)};

        if (path_encloses(path, origin->path))
            origin_clear(&copy);
        else
            g_array_append_val(object->origins, copy);
    }
    g_array_unref(origins);
}

/* The origin of a field, or of what encloses it. */
static const Origin *find_origin(const Object *object, const char *path)
{
    const Origin *best = NULL;

    if (object->file == NULL || object->origins == NULL)
        return NULL;
    for (guint i = 0; i < object->origins->len; i++) {
        const Origin *origin = &g_array_index(object->origins, Origin, i);

        if (path_encloses(origin->path, path) &&
            (best == NULL || strlen(origin->path) > strlen(best->path)))
            best = origin;
    }
    return best;
}

char *object_where(const Object *object, const char *path)
{
    const Origin *origin = find_origin(object, path);

    if (origin == NULL || origin->line == 0)
        return NULL;
    return g_strdup_printf("%s:%u:%u", origin->file != NULL ? origin->file : object->file,
                           origin->line, origin->column);
}

const char *object_via(const Object *object, const char *path)
{
    const Origin *origin = find_origin(object, path);

    return origin != NULL ? origin->via : NULL;
}
