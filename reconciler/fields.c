#include "fields.h"

#include <string.h>

#include "expand.h"

PlanField *plan_field_new(const char *path, const json_t *before, const json_t *after, Label label)
{
    PlanField *field = g_new0(PlanField, 1);

    field->path = g_strdup(path);
    field->before = json_incref((json_t *)before);
    field->after = json_incref((json_t *)after);
    field->label = label;
    return field;
}

void plan_field_free(PlanField *field)
{
    if (field == NULL)
        return;
    g_free(field->path);
    json_decref(field->before);
    json_decref(field->after);
    g_free(field->where);
    g_free(field->via);
    g_free(field);
}

static gboolean same_value(const Row *row, const json_t *before, const json_t *after)
{
    if (before == NULL || after == NULL)
        return before == after;
    if (row != NULL && row->type->same != NULL && json_is_string(before) && json_is_string(after))
        return row->type->same(json_string_value(before), json_string_value(after));
    return json_equal(before, after);
}

/* What a change of a row costs; a row that is stored only costs nothing. */
static Label label_of(const Row *row)
{
    return row != NULL ? row->label : LABEL_NONE;
}

typedef const Row *(*RowFunction)(const void *data, const char *key);

/* Adds the differing members of two objects; nested rows and maps of strings go one level down. */
static void diff_members(GPtrArray *fields, const char *prefix, const json_t *before,
                         const json_t *after, RowFunction row_of, const void *data)
{
    g_autoptr(json_t) all = json_object();
    const char *key;
    json_t *ignored;

    if (before != NULL)
        json_object_update(all, (json_t *)before);
    if (after != NULL)
        json_object_update(all, (json_t *)after);
    json_object_foreach (all, key, ignored) {
        const json_t *old = json_object_get(before, key);
        const json_t *new = json_object_get(after, key);
        const Row *row = row_of(data, key);
        g_autofree char *part = json_path_part(key);
        g_autofree char *path = g_strdup_printf("%s%s", prefix, part);
        PlanField *field;

        if (same_value(row, old, new))
            continue;
        field = plan_field_new(path, old, new, label_of(row));
        field->secret = row != NULL && (row->flags & ROW_SECRET) != 0;
        g_ptr_array_add(fields, field);
    }
}

static const Row *row_in(const void *data, const char *key)
{
    return data != NULL ? row_find(data, key) : NULL;
}

static void diff_devices(GPtrArray *fields, const char *project, const json_t *before,
                         const json_t *after)
{
    g_autoptr(json_t) all = json_object();
    const char *name;
    json_t *ignored;

    json_object_update(all, (json_t *)before);
    json_object_update(all, (json_t *)after);
    json_object_foreach (all, name, ignored) {
        const json_t *old = json_object_get(before, name);
        const json_t *new = json_object_get(after, name);
        const DeviceType *type = device_type_of(NULL, project, new != NULL ? new : old, NULL);
        g_autofree char *part = json_path_part(name);
        g_autofree char *prefix = g_strdup_printf("devices/%s/", part);

        guint had = fields->len;

        diff_members(fields, prefix, old, new, row_in, type != NULL ? type->rows : NULL);
        /* A whole entry comes or goes by hot plug, whatever a change of its keys would cost
         * (D-GEN-05). */
        for (guint i = had; (old == NULL || new == NULL) && i < fields->len; i++)
            ((PlanField *)fields->pdata[i])->label = LABEL_LIVE;
    }
}

static int compare_fields(const void *a, const void *b)
{
    return strcmp((*(const PlanField *const *)a)->path, (*(const PlanField *const *)b)->path);
}

static GPtrArray *new_fields(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)plan_field_free);
}

/* Top-level members besides config and devices. */
static void diff_top(GPtrArray *fields, const Kind *kind, const json_t *before, const json_t *after)
{
    g_autoptr(json_t) old = before != NULL ? json_copy((json_t *)before) : json_object();
    g_autoptr(json_t) new = after != NULL ? json_copy((json_t *)after) : json_object();

    json_object_del(old, "config");
    json_object_del(old, "devices");
    json_object_del(new, "config");
    json_object_del(new, "devices");
    diff_members(fields, "", old, new, row_in, kind->fields);
}

static const json_t *spec_member(const Object *object, const char *name)
{
    return object != NULL ? json_object_get(object->spec, name) : NULL;
}

GPtrArray *fields_diff(const Object *before, const Object *after)
{
    const Object *any = after != NULL ? after : before;
    const Kind *kind = object_kind(any);
    GPtrArray *fields = new_fields();

    diff_top(fields, kind, before != NULL ? before->spec : NULL,
             after != NULL ? after->spec : NULL);
    diff_members(fields, "config/", spec_member(before, "config"), spec_member(after, "config"),
                 row_in, kind->config);
    diff_devices(fields, any->id.project, spec_member(before, "devices"),
                 spec_member(after, "devices"));
    g_ptr_array_sort(fields, compare_fields);
    return fields;
}

static PlanField *find_field(GPtrArray *fields, const char *path)
{
    for (guint i = 0; i < fields->len; i++) {
        PlanField *field = fields->pdata[i];

        if (strcmp(field->path, path) == 0)
            return field;
    }
    return NULL;
}

GPtrArray *fields_diff_expanded(const Snapshot *base, const Object *before, const Snapshot *next,
                                const Object *after)
{
    g_autoptr(GPtrArray) own = fields_diff(before, after);
    g_auto(Expanded) old = {0};
    g_auto(Expanded) new = {0};
    GPtrArray *fields = new_fields();
    const Kind *kind = KINDS[KIND_INSTANCE];

    expand_instance(base, before, &old);
    expand_instance(next, after, &new);
    diff_members(fields, "config/", old.config, new.config, row_in, kind->config);
    diff_devices(fields, after->id.project, old.devices, new.devices);
    for (guint i = fields->len; i > 0; i--) {
        PlanField *field = fields->pdata[i - 1];
        const char *key = field->path + strlen("config/");
        char *source;

        /* Drawn values are in the expanded config, but nobody wrote them. */
        if (g_str_has_prefix(field->path, "config/") && find_field(own, field->path) == NULL &&
            (json_object_get(before->generated, key) != NULL ||
             json_object_get(after->generated, key) != NULL)) {
            g_ptr_array_remove_index(fields, i - 1);
            continue;
        }
        source = expand_source(next, after, field->path);
        if (source == NULL)
            source = expand_source(base, before, field->path);
        if (g_strcmp0(source, "instance") != 0)
            field->via = g_steal_pointer(&source);
        g_free(source);
    }
    /* An own field that changes nothing of what the instance gets is stored all the same. */
    while (own->len > 0) {
        PlanField *field = g_ptr_array_steal_index(own, own->len - 1);

        if (find_field(fields, field->path) != NULL) {
            plan_field_free(field);
            continue;
        }
        if (g_str_has_prefix(field->path, "config/") || g_str_has_prefix(field->path, "devices/"))
            field->label = LABEL_NONE;
        g_ptr_array_add(fields, field);
    }
    g_ptr_array_sort(fields, compare_fields);
    return fields;
}

const Row *fields_row(const Object *object, const char *path)
{
    g_auto(GStrv) parts = json_path_split(path);
    const Kind *kind = object_kind(object);

    if (parts[0] == NULL)
        return NULL;
    if (strcmp(parts[0], "config") == 0)
        return parts[1] != NULL ? row_in(kind->config, parts[1]) : NULL;
    if (strcmp(parts[0], "devices") == 0 && parts[1] != NULL && parts[2] != NULL) {
        const json_t *device = json_object_get(json_object_get(object->spec, "devices"), parts[1]);
        const DeviceType *type = device_type_of(NULL, object->id.project, device, NULL);

        return type != NULL ? row_in(type->rows, parts[2]) : NULL;
    }
    return row_in(kind->fields, parts[0]);
}
