#include "fixture.h"

#include <string.h>

#include "limits_check.h"

void fixture_init(Fixture *fixture)
{
    fixture->objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    fixture->problems = problems_new();
    fixture->snapshot = NULL;
}

void fixture_clear(Fixture *fixture)
{
    g_ptr_array_unref(fixture->objects);
    problems_free(fixture->problems);
    g_clear_pointer(&fixture->snapshot, snapshot_unref);
}

const Object *fixture_add(Fixture *fixture, KindId kind, const char *project, const char *name,
                          const char *text)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    json_error_t error;
    json_t *spec = json_loads(quoted, 0, &error);
    Object *object;

    if (spec == NULL)
        g_error("fixture: %s in %s", error.text, quoted);
    if ((KINDS[kind]->flags & KIND_CONFIG) != 0 && json_object_get(spec, "config") == NULL)
        json_object_set_new(spec, "config", json_object());
    if ((KINDS[kind]->flags & KIND_DEVICES) != 0 && json_object_get(spec, "devices") == NULL)
        json_object_set_new(spec, "devices", json_object());
    object = object_new(kind, project, "", name, spec, NULL);
    g_ptr_array_add(fixture->objects, object);
    return object;
}

static void build(Fixture *fixture)
{
    g_autoptr(Snapshot) empty = snapshot_new();

    g_clear_pointer(&fixture->snapshot, snapshot_unref);
    fixture->snapshot = snapshot_change(empty, fixture->objects, NULL);
}

void fixture_check(Fixture *fixture)
{
    build(fixture);
    for (guint i = 0; i < fixture->objects->len; i++) {
        const Object *object = g_ptr_array_index(fixture->objects, i);

        if (object_kind(object)->check != NULL)
            object_kind(object)->check(fixture->snapshot, object, fixture->problems);
    }
}

void fixture_check_limits(Fixture *fixture, const char *project)
{
    build(fixture);
    limits_check(fixture->snapshot, project, fixture->problems);
}

guint fixture_count(const Fixture *fixture, Severity severity)
{
    guint count = 0;

    for (guint i = 0; i < fixture->problems->items->len; i++)
        count +=
            ((const Problem *)g_ptr_array_index(fixture->problems->items, i))->severity == severity;
    return count;
}

gboolean fixture_found(const Fixture *fixture, Severity severity, const char *path,
                       const char *part)
{
    for (guint i = 0; i < fixture->problems->items->len; i++) {
        const Problem *problem = g_ptr_array_index(fixture->problems->items, i);

        if (problem->severity == severity && (path == NULL || strcmp(problem->path, path) == 0) &&
            strstr(problem->text, part) != NULL)
            return TRUE;
    }
    return FALSE;
}

char *fixture_text(const Fixture *fixture)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < fixture->problems->items->len; i++) {
        g_autofree char *line = problem_text(g_ptr_array_index(fixture->problems->items, i));

        g_string_append_printf(text, "%s\n", line);
    }
    return g_string_free(text, FALSE);
}
