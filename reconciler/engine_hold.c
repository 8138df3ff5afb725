/* Holds as the engine's users make and end them (EN-47). */
#include <string.h>

#include "engine_private.h"
#include "error.h"
#include "fields.h"
#include "holds.h"
#include "notes.h"

json_t *engine_notes(Engine *engine, const char *space, GError **error)
{
    return notes_all(engine->store, space, error);
}

json_t *engine_holds(Engine *engine, GError **error)
{
    g_autoptr(json_t) notes = notes_all(engine->store, SPACE_HOLDS, error);
    g_autoptr(json_t) held = notes != NULL ? notes_all(engine->store, SPACE_HELD, error) : NULL;
    json_t *holds;

    if (held == NULL)
        return NULL;
    holds = holds_active(notes, g_get_real_time() / G_USEC_PER_SEC);
    holds_add_wants(holds, held);
    return holds;
}

/* What ended long ago need not be kept. */
static void drop_ended(const json_t *notes, json_t **changes)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    const char *key;
    json_t *hold;

    json_object_foreach ((json_t *)notes, key, hold) {
        gint64 until = json_integer_value(json_object_get(hold, "until"));

        if (until != 0 && until <= now)
            holds_drop(changes, json_member_string(hold, "object"),
                       json_member_string(hold, "path"));
    }
}

gboolean engine_may_hold(Engine *engine, const char *key, const char *path, GError **error)
{
    g_autoptr(Snapshot) model = engine_ref_stored(engine);
    const Object *object = snapshot_get(model, key);
    g_autofree char *label = object_key_label(key);

    if (object == NULL)
        return error_set(error, ERR_NOT_FOUND, "%s does not exist", label);
    return *path == '\0' || fields_row(object, path) != NULL ||
           json_at(object->spec, path) != NULL ||
           error_set(error, ERR_NOT_FOUND, "%s has no field %s", label, path);
}

gboolean engine_hold(Engine *engine, const char *key, const char *path, gint64 seconds,
                     const char *reason, const char *by, GError **error)
{
    g_autoptr(json_t) notes = notes_all(engine->store, SPACE_HOLDS, error);
    g_autoptr(json_t) changes = NULL;
    gint64 until = seconds > 0 ? g_get_real_time() / G_USEC_PER_SEC + seconds : 0;

    if (notes == NULL || !engine_may_hold(engine, key, path, error))
        return FALSE;
    drop_ended(notes, &changes);
    holds_note(&changes, key, path, until, reason, by);
    return notes_save(engine->store, changes, error);
}

/* The change that lets go; NULL with an error. */
static json_t *letting_go(Engine *engine, const char *key, const char *path, GError **error)
{
    g_autoptr(json_t) holds = engine_holds(engine, error);
    g_autofree char *label = object_key_label(key);
    json_t *changes = NULL;
    json_t *hold;
    size_t i;

    if (holds == NULL)
        return NULL;
    json_array_foreach (holds, i, hold) {
        const char *held = json_member_string(hold, "path");

        if (strcmp(json_member_string(hold, "object"), key) == 0 &&
            (path == NULL || strcmp(held, path) == 0))
            holds_drop(&changes, key, held);
    }
    if (changes == NULL)
        error_set(error, ERR_NOT_FOUND, "nothing of %s%s%s is held", label,
                  path != NULL && *path != '\0' ? ": " : "", path != NULL ? path : "");
    return changes;
}

gboolean engine_may_unhold(Engine *engine, const char *key, const char *path, GError **error)
{
    g_autoptr(json_t) changes = letting_go(engine, key, path, error);

    return changes != NULL;
}

gboolean engine_unhold(Engine *engine, const char *key, const char *path, GError **error)
{
    g_autoptr(json_t) changes = letting_go(engine, key, path, error);

    return changes != NULL && notes_save(engine->store, changes, error);
}
