#include <string.h>

#include "limits_check.h"
#include "refs.h"
#include "validate_parts.h"

/* For so many missing references the nearest name is looked for; a file full of them must not take
 * quadratic time. */
#define NEAREST_MAX 20u
#define NEAREST_NAME_MAX 128u

gboolean model_is_selected(const Model *model, const Object *object)
{
    return model->selected == NULL || g_hash_table_contains(model->selected, object->key);
}

static int compare_prints(const void *a, const void *b)
{
    const Object *const *left = a, *const *right = b;

    return strcmp(json_member_string((*left)->generated, "fingerprint"),
                  json_member_string((*right)->generated, "fingerprint"));
}

static void index_images(Model *model)
{
    model->images = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    model->prints = g_ptr_array_new();
    for (guint i = 0; i < snapshot_size(model->snapshot); i++) {
        const Object *object = snapshot_at(model->snapshot, i);
        json_t *alias;
        size_t at;

        if (object->id.kind != KIND_IMAGE)
            continue;
        json_array_foreach (json_object_get(object->spec, "aliases"), at, alias)
            g_hash_table_insert(
                model->images, g_strconcat(object->id.project, "/", json_string_value(alias), NULL),
                (void *)object);
        if (json_member_string(object->generated, "fingerprint") != NULL)
            g_ptr_array_add(model->prints, (void *)object);
    }
    g_ptr_array_sort(model->prints, compare_prints);
}

/* How many images of `owner` have a fingerprint that begins with `prefix`: 0, 1 or 2 for more.
 * `ret` gets the first. */
static guint images_by_print(const Model *model, const char *owner, const char *prefix,
                             const Object **ret)
{
    guint low = 0, high = model->prints->len, count = 0;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        const Object *object = model->prints->pdata[middle];

        if (strcmp(json_member_string(object->generated, "fingerprint"), prefix) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < model->prints->len && count < 2; low++) {
        const Object *object = model->prints->pdata[low];

        if (!g_str_has_prefix(json_member_string(object->generated, "fingerprint"), prefix))
            break;
        if (strcmp(object->id.project, owner) != 0)
            continue;
        if (count++ == 0)
            *ret = object;
    }
    return count;
}

/* `ret_many` tells that a beginning of a fingerprint fits several images (IMG-001). */
static const Object *find_image(Model *model, const char *project, const char *name,
                                gboolean *ret_many)
{
    const char *owner = snapshot_project_for(model->snapshot, KIND_IMAGE, project);
    const Object *image = snapshot_find(model->snapshot, KIND_IMAGE, owner, name);
    g_autofree char *alias = NULL;
    guint count;

    *ret_many = FALSE;
    if (image != NULL)
        return image;
    if (model->images == NULL)
        index_images(model);
    alias = g_strconcat(owner, "/", name, NULL);
    image = g_hash_table_lookup(model->images, alias);
    if (image != NULL)
        return image;
    count = images_by_print(model, owner, name, &image);
    *ret_many = count > 1;
    return count == 1 ? image : NULL;
}

const Object *model_find(Model *model, const Object *object, KindId kind, const char *name)
{
    gboolean many;

    if (kind == KIND_IMAGE)
        return find_image(model, object->id.project, name, &many);
    return snapshot_resolve(model->snapshot, kind, object->id.project, name);
}

/* Projects and profiles named default are always there (PF-09, PJ-06, PJ-13). */
static gboolean exists(Model *model, const Object *object, KindId kind, const char *name)
{
    if ((kind == KIND_PROFILE || kind == KIND_PROJECT) && strcmp(name, "default") == 0)
        return TRUE;
    return model_find(model, object, kind, name) != NULL;
}

/* The nearest name of a kind that `project` sees. Newly allocated; NULL when none is near. */
static char *nearest_name(Model *model, KindId kind, const char *project, const char *name)
{
    g_autoptr(GArray) rows = g_array_new(TRUE, TRUE, sizeof(Row));
    const char *owner = snapshot_project_for(model->snapshot, kind, project);

    if (model->searched++ >= NEAREST_MAX)
        return NULL;
    for (guint i = 0; i < snapshot_size(model->snapshot); i++) {
        const Object *object = snapshot_at(model->snapshot, i);
        const Row row = {.key = object->id.name};

        if (object->id.kind == kind && strcmp(object->id.project, owner) == 0 &&
            strlen(row.key) <= NEAREST_NAME_MAX)
            g_array_append_val(rows, row);
    }
    return g_strdup(row_nearest((const Row *)(void *)rows->data, name));
}

static void report_missing(Model *model, const Object *object, const char *path, KindId kind,
                           const char *name)
{
    g_autofree char *nearest = NULL;
    const char *title = KINDS[kind]->title;
    gboolean many = FALSE;

    if (kind == KIND_IMAGE)
        find_image(model, object->id.project, name, &many);
    if (many) {
        problem_add(model->problems, PROBLEM_ERROR, object, path,
                    "%s is the beginning of several images' fingerprints; write more of it", name);
        return;
    }
    nearest = nearest_name(model, kind, object->id.project, name);
    if (nearest != NULL)
        problem_add(model->problems, PROBLEM_ERROR, object, path,
                    "there is no %s %s; did you mean %s?", title, name, nearest);
    else
        problem_add(model->problems, PROBLEM_ERROR, object, path,
                    "there is no %s %s; declare it, or mend the name", title, name);
}

/* An image that comes from a server is named there, not here. */
static gboolean is_remote(const Object *object, const Reference *reference)
{
    return reference->kind == KIND_IMAGE && json_string_at(object->spec, "source/server") != NULL;
}

/* An instance that was made over the API needs its image no more (IMG-025). One of a state file
 * does: whoever applies the file elsewhere makes it anew. */
static gboolean is_made(const Object *object, const Reference *reference)
{
    return reference->kind == KIND_IMAGE && g_strcmp0(object->owner, "api") == 0 &&
           json_member_string(object->generated, "volatile.base_image") != NULL &&
           g_strcmp0(json_member_string(object->generated, "$image"), reference->name) == 0;
}

static void check_references(Model *model, const Object *object)
{
    g_autoptr(GArray) references = refs_of_spec(object);

    for (guint i = 0; i < references->len; i++) {
        const Reference *reference = &g_array_index(references, Reference, i);

        if (!is_remote(object, reference) && !is_made(object, reference) &&
            !exists(model, object, reference->kind, reference->name))
            report_missing(model, object, reference->path, reference->kind, reference->name);
    }
}

static void check_project(Model *model, const Object *object)
{
    const char *project = object->id.project;

    if (*project == '\0' || strcmp(project, "default") == 0)
        return;
    if (!exists(model, object, KIND_PROJECT, project))
        report_missing(model, object, "project", KIND_PROJECT, project);
    else if (strcmp(snapshot_project_for(model->snapshot, object->id.kind, project), project) != 0)
        problem_add(model->problems, PROBLEM_ERROR, object, "project",
                    "project %s uses the %s of project default (%s is off); declare it there",
                    project, KINDS[object->id.kind]->plural, KINDS[object->id.kind]->feature);
}

/* `after` holds KIND/NAME. */
static void check_after(Model *model, const Object *object)
{
    const json_t *after = json_object_get(object->spec, "after");
    json_t *item;
    size_t i;

    json_array_foreach (after, i, item) {
        g_auto(GStrv) parts = g_strsplit(json_string_value(item), "/", 2);
        const Kind *kind = parts[0] != NULL ? kind_by_name(parts[0]) : NULL;

        if (kind == NULL || parts[1] == NULL)
            problem_add(model->problems, PROBLEM_ERROR, object, "after",
                        "%s names no object; write it as KIND/NAME", json_string_value(item));
        else if (!exists(model, object, kind->id, parts[1]))
            report_missing(model, object, "after", kind->id, parts[1]);
    }
}

static void check_limits(Model *model)
{
    g_autoptr(GHashTable) projects = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < model->checked->len; i++) {
        const Object *object = model->checked->pdata[i];
        const char *project =
            object->id.kind == KIND_PROJECT ? object->id.name : object->id.project;

        if (*project != '\0' && g_hash_table_add(projects, (void *)project))
            g_ptr_array_add(names, (void *)project);
    }
    for (guint i = 0; i < names->len; i++)
        limits_check(model->snapshot, names->pdata[i], model->problems);
}

static void model_clear(Model *model)
{
    g_clear_pointer(&model->selected, g_hash_table_unref);
    g_clear_pointer(&model->checked, g_ptr_array_unref);
    g_clear_pointer(&model->images, g_hash_table_unref);
    g_clear_pointer(&model->prints, g_ptr_array_unref);
    g_clear_pointer(&model->nics, g_hash_table_unref);
}

static GPtrArray *objects_to_check(const Snapshot *snapshot, const GPtrArray *keys)
{
    GPtrArray *objects = g_ptr_array_new();

    for (guint i = 0; keys == NULL && i < snapshot_size(snapshot); i++)
        g_ptr_array_add(objects, (void *)snapshot_at(snapshot, i));
    for (guint i = 0; keys != NULL && i < keys->len; i++) {
        const Object *object = snapshot_get(snapshot, keys->pdata[i]);

        if (object != NULL)
            g_ptr_array_add(objects, (void *)object);
    }
    g_ptr_array_sort(objects, object_compare);
    return objects;
}

void validate_snapshot(const Snapshot *snapshot, const GPtrArray *keys, Problems *problems)
{
    Model model = {.snapshot = snapshot, .problems = problems};

    model.nics = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    model.checked = objects_to_check(snapshot, keys);
    if (keys != NULL) {
        model.selected = g_hash_table_new(g_str_hash, g_str_equal);
        for (guint i = 0; i < keys->len; i++)
            g_hash_table_add(model.selected, keys->pdata[i]);
    }
    for (guint i = 0; i < model.checked->len; i++) {
        const Object *object = model.checked->pdata[i];

        check_project(&model, object);
        check_references(&model, object);
        if (object_kind(object)->check != NULL)
            object_kind(object)->check(snapshot, object, problems);
        check_after(&model, object);
    }
    model_check_addresses(&model);
    model_check_subnets(&model);
    model_find_cycles(&model);
    check_limits(&model);
    model_clear(&model);
}
