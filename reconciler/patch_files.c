#include "patch_files.h"

#include <string.h>

#include "error.h"
#include "fields.h"
#include "file.h"
#include "patch.h"

/* One change of a file. */
typedef struct {
    const char *file; /* borrowed from the input */
    guint line, column;
    char *key; /* of a pair to add; NULL: the pair that is there changes */
    gboolean beside;
    json_t *value; /* NULL: the pair goes */
} Edit;

static void edit_free(gpointer data)
{
    Edit *edit = data;

    g_free(edit->key);
    json_decref(edit->value);
    g_free(edit);
}

static const Origin *origin_at(const Object *object, const char *path)
{
    for (guint i = 0; object->origins != NULL && i < object->origins->len; i++) {
        const Origin *origin = &g_array_index(object->origins, Origin, i);

        if (strcmp(origin->path, path) == 0)
            return origin;
    }
    return NULL;
}

static Edit *edit_at(const Object *object, const Origin *origin, const json_t *value)
{
    Edit *edit = g_new0(Edit, 1);

    edit->file = origin->file != NULL ? origin->file : object->file;
    edit->line = origin->line;
    edit->column = origin->column;
    edit->value = value != NULL ? json_deep_copy(value) : NULL;
    return edit;
}

/* A pair of the map at `around` that the file says, best one that stays. */
static const Origin *member_of(const Object *object, const Object *stored, const char *around)
{
    g_autofree char *prefix = g_strconcat(around, "/", NULL);
    const Origin *best = NULL;

    for (guint i = 0; object->origins != NULL && i < object->origins->len; i++) {
        const Origin *origin = &g_array_index(object->origins, Origin, i);

        if (!g_str_has_prefix(origin->path, prefix) ||
            strchr(origin->path + strlen(prefix), '/') != NULL)
            continue;
        if (best == NULL || json_at(stored->spec, origin->path) != NULL)
            best = origin;
    }
    return best;
}

/* What the file does not say yet is added to the nearest map around it that it does. */
static Edit *add_inside(const Object *object, const Object *stored, const char *path,
                        const json_t *value)
{
    g_autofree char *around = g_strdup(path);
    g_autoptr(json_t) added = json_deep_copy(value);
    char *slash;

    while ((slash = strrchr(around, '/')) != NULL) {
        g_auto(GStrv) key = json_path_split(slash + 1);
        const Origin *origin, *member;
        json_t *outer;

        *slash = '\0';
        origin = origin_at(object, around);
        member = member_of(object, stored, around);
        if (origin != NULL || member != NULL) {
            Edit *edit = edit_at(object, member != NULL ? member : origin, added);

            edit->key = g_strdup(key[0]);
            edit->beside = member != NULL;
            return edit;
        }
        outer = json_object();
        json_object_set(outer, key[0], added);
        json_decref(added);
        added = outer;
    }
    {
        const Origin *name = origin_at(object, "name");
        Edit *edit = name != NULL ? edit_at(object, name, added) : NULL;

        if (edit != NULL) {
            edit->key = g_strdup(around);
            edit->beside = TRUE;
        }
        return edit;
    }
}

static void add_edits(const Object *object, const Object *stored, GPtrArray *edits, json_t *left)
{
    g_autoptr(GPtrArray) fields = fields_diff(object, stored);

    for (guint i = 0; i < fields->len; i++) {
        const PlanField *field = fields->pdata[i];
        const Origin *origin = origin_at(object, field->path);
        Edit *edit = NULL;

        if (field->secret || (origin != NULL && origin->via != NULL) || object->file == NULL)
            edit = NULL;
        else if (origin != NULL)
            edit = edit_at(object, origin, field->after);
        else if (field->after != NULL)
            edit = add_inside(object, stored, field->path, field->after);
        if (edit != NULL) {
            g_ptr_array_add(edits, edit);
        } else {
            g_autofree char *label = object_label(object);

            json_array_append_new(left, json_sprintf("%s: %s", label, field->path));
        }
    }
}

/* From the end of a file to its beginning, so that places stay where they are. */
static int compare_edits(gconstpointer a, gconstpointer b)
{
    const Edit *left = *(const Edit *const *)a, *right = *(const Edit *const *)b;
    int files = strcmp(left->file, right->file);

    if (files != 0)
        return files;
    if (left->line != right->line)
        return left->line < right->line ? 1 : -1;
    if (left->column != right->column)
        return left->column < right->column ? 1 : -1;
    /* What is added beside a pair comes before that pair goes. */
    return (left->key == NULL) - (right->key == NULL);
}

static char *apply_edit(const char *text, const Edit *edit, GError **error)
{
    if (edit->key == NULL)
        return patch_set(text, edit->line, edit->column, edit->value, error);
    return patch_add(text, edit->line, edit->column, edit->beside, edit->key, edit->value, error);
}

static gboolean patch_file(const GPtrArray *edits, guint from, guint to, const char *prefix,
                           GString *diff, json_t *left, GError **error)
{
    const char *file = ((const Edit *)edits->pdata[from])->file;
    const char *name = g_str_has_prefix(file, prefix) ? file + strlen(prefix) : file;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autofree char *part = NULL;
    gsize length;

    if (!file_read(file, DOCUMENT_MAX_BYTES, &before, &length, error))
        return FALSE;
    after = g_strdup(before);
    for (guint i = from; i < to; i++) {
        g_autoptr(GError) local = NULL;
        char *next = apply_edit(after, edits->pdata[i], &local);

        if (next == NULL) {
            json_array_append_new(left, json_sprintf("%s: %s", name, local->message));
            continue;
        }
        g_free(after);
        after = next;
    }
    part = patch_diff(name + (*name == '/'), before, after);
    g_string_append(diff, part);
    return TRUE;
}

gboolean patch_files(const Input *input, const Snapshot *stored, GHashTable *keys,
                     const char *prefix, GString *diff, json_t *left, GError **error)
{
    g_autoptr(GPtrArray) edits = g_ptr_array_new_with_free_func(edit_free);
    guint from = 0;

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = input->objects->pdata[i];
        const Object *now = snapshot_get(stored, object->key);

        if (now != NULL && (keys == NULL || g_hash_table_contains(keys, object->key)))
            add_edits(object, now, edits, left);
    }
    g_ptr_array_sort(edits, compare_edits);
    for (guint to = 1; to <= edits->len; to++) {
        if (to < edits->len && strcmp(((const Edit *)edits->pdata[to])->file,
                                      ((const Edit *)edits->pdata[from])->file) == 0)
            continue;
        if (!patch_file(edits, from, to, prefix, diff, left, error))
            return FALSE;
        from = to;
    }
    return TRUE;
}
