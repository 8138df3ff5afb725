#include "source_edit.h"

#include <string.h>

#include "error.h"
#include "fields.h"
#include "holds.h"
#include "source_sync.h"

/* Paths (char *) of what an edit changes that is not held already; "" is the object itself. */
static GPtrArray *edited_paths(const Object *stored, const Object *wanted, const json_t *holds)
{
    g_autoptr(GPtrArray) fields = wanted != NULL ? fields_diff(stored, wanted) : NULL;
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);

    if (wanted == NULL || strcmp(stored->key, wanted->key) != 0) {
        if (holds_find(holds, stored->key, "") == NULL)
            g_ptr_array_add(paths, g_strdup(""));
        return paths;
    }
    for (guint i = 0; i < fields->len; i++) {
        const PlanField *field = fields->pdata[i];

        if (holds_find(holds, stored->key, field->path) == NULL)
            g_ptr_array_add(paths, g_strdup(field->path));
    }
    return paths;
}

static gboolean refuse(Engine *engine, const Object *stored, const Object *source,
                       const GPtrArray *paths, GError **error)
{
    g_autofree char *label = object_label(stored);
    g_autoptr(GString) text = g_string_new(label);

    for (guint i = 0; i < paths->len; i++) {
        const char *path = paths->pdata[i];
        g_autofree char *where = source_where(engine, stored, path);

        g_string_append_printf(text, "%s%s%s%s%s", i == 0 ? ": " : ", ",
                               *path != '\0' ? path : "all of it", where != NULL ? " (" : "",
                               where != NULL ? where : "", where != NULL ? ")" : "");
    }
    return error_set(error, ERR_OWNED,
                     "%s: belongs to source %s: change it there, or hold it (`berth hold`) first",
                     text->str, source->id.name);
}

static gboolean check_paths(Engine *engine, const Object *stored, const Object *source,
                            const GPtrArray *paths, const char *by, json_t **notes, GError **error)
{
    const char *policy = source_text(source, "on_edit");
    gboolean adopt = strcmp(policy, "adopt") == 0;
    gint64 until =
        adopt ? 0 : g_get_real_time() / G_USEC_PER_SEC + source_seconds(source, "hold_for");

    if (strcmp(policy, "reject") == 0)
        return refuse(engine, stored, source, paths, error);
    for (guint i = 0; strcmp(policy, "revert") != 0 && i < paths->len; i++)
        holds_note(notes, stored->key, paths->pdata[i], until, "edited over the API", by);
    return TRUE;
}

/* A source that is suspended has no say for now. */
static const Object *who_decides(Engine *engine, const Object *stored)
{
    const Object *source = source_of(engine_stored(engine), stored);

    return source != NULL && !source_flag(source, "suspend") ? source : NULL;
}

gboolean source_edit_check(Engine *engine, const Object *stored, const Object *wanted,
                           const char *by, json_t **notes, GError **error)
{
    const Object *source = who_decides(engine, stored);
    g_autoptr(json_t) holds = NULL;
    g_autoptr(GPtrArray) paths = NULL;

    if (source == NULL)
        return TRUE;
    holds = engine_holds(engine, error);
    if (holds == NULL)
        return FALSE;
    paths = edited_paths(stored, wanted, holds);
    return paths->len == 0 || check_paths(engine, stored, source, paths, by, notes, error);
}

gboolean source_edit_check_power(Engine *engine, const Object *stored, const char *state,
                                 const char *by, json_t **notes, GError **error)
{
    const Object *source = who_decides(engine, stored);
    const char *declared = json_member_string(stored->spec, "state");
    g_autoptr(json_t) holds = NULL;
    g_autoptr(GPtrArray) paths = NULL;

    if (source == NULL || declared == NULL || strcmp(declared, state) == 0)
        return TRUE;
    holds = engine_holds(engine, error);
    if (holds == NULL)
        return FALSE;
    if (holds_find(holds, stored->key, "state") != NULL)
        return TRUE;
    paths = g_ptr_array_new();
    g_ptr_array_add(paths, (gpointer) "state");
    return check_paths(engine, stored, source, paths, by, notes, error);
}
