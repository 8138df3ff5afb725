/* What is known of sources, and what people see of it (EN-48). */
#include <string.h>

#include "engine_private.h"
#include "error.h"
#include "file.h"
#include "notes.h"
#include "source_private.h"

json_t *source_status(Engine *engine, const char *name, GError **error)
{
    g_autoptr(GError) local = NULL;
    json_t *status = notes_get(engine->store, SPACE_SOURCES, name, &local);

    if (local != NULL) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    return status != NULL ? status : json_object();
}

json_t *source_state(Engine *engine, const char *name, GError **error)
{
    g_autofree char *key = object_key(KIND_SOURCE, "", "", name);
    g_autoptr(json_t) status = source_status(engine, name, error);
    json_t *conditions = status != NULL ? engine_conditions(engine, key, error) : NULL;

    if (conditions == NULL)
        return NULL;
    json_object_set_new(status, "conditions", conditions);
    return g_steal_pointer(&status);
}

json_t *sync_result_json(const SyncResult *result)
{
    json_t *value = json_pack("{s:O*, s:b, s:o}", "revision", result->revision, "is_new",
                              result->is_new, "result", apply_result_json(&result->result));

    if (result->plan != NULL)
        json_object_set_new(value, "plan", plan_shown(result->plan));
    return value;
}

static void merge(json_t *status, const json_t *changes)
{
    const char *member;
    json_t *value;

    json_object_foreach ((json_t *)changes, member, value) {
        if (json_is_null(value))
            json_object_del(status, member);
        else
            json_object_set(status, member, value);
    }
}

gboolean source_status_change(Engine *engine, const char *name, const json_t *changes,
                              GError **error)
{
    g_autoptr(GRecMutexLocker) held = store_hold(engine->store);
    g_autoptr(json_t) status = source_status(engine, name, error);
    g_autoptr(json_t) notes = NULL;

    if (status == NULL)
        return FALSE;
    /* It may have been deleted meanwhile. */
    if (snapshot_find(store_snapshot(engine->store), KIND_SOURCE, "", name) == NULL)
        return TRUE;
    merge(status, changes);
    notes_add(&notes, SPACE_SOURCES, name, g_steal_pointer(&status));
    return notes_save(engine->store, notes, error);
}

gboolean source_status_condition(Engine *engine, const char *name, const char *type, gboolean is,
                                 const char *reason, GError **error)
{
    g_autofree char *key = object_key(KIND_SOURCE, "", "", name);

    if (!store_begin(engine->store, FALSE, error))
        return FALSE;
    if (snapshot_get(store_snapshot(engine->store), key) == NULL)
        return store_end(engine->store, FALSE, error);
    if (store_set_condition(engine->store, key, type, is, reason, error))
        return store_end(engine->store, TRUE, error);
    store_end(engine->store, FALSE, NULL);
    return FALSE;
}

gboolean source_note_in_force(Engine *engine, const char *name, const json_t *revision,
                              const json_t *view, json_t **notes, GError **error)
{
    json_t *status = source_status(engine, name, error);
    json_t *before = status != NULL ? json_object_get(status, "in_force") : NULL;

    if (status == NULL)
        return FALSE;
    if (before != NULL &&
        g_strcmp0(json_member_string(before, "id"), json_member_string(revision, "id")) != 0)
        json_object_set(status, "previous", before);
    json_object_set(status, "in_force", (json_t *)revision);
    json_object_set(status, "view", (json_t *)view);
    json_object_del(status, "quarantined");
    notes_add(notes, SPACE_SOURCES, name, status);
    return TRUE;
}

/* A rollback of what a source did must last: the revision that did it is not tried again. */
gboolean source_note_rollback(Engine *engine, const char *owner, json_t **notes, GError **error)
{
    const char *name = owner + strlen(SOURCE_OWNER);
    g_autoptr(json_t) status = NULL;
    const json_t *in_force;

    if (!g_str_has_prefix(owner, SOURCE_OWNER) ||
        snapshot_find(engine->stored, KIND_SOURCE, "", name) == NULL)
        return TRUE;
    status = source_status(engine, name, error);
    if (status == NULL)
        return FALSE;
    in_force = json_object_get(status, "in_force");
    if (in_force == NULL)
        return TRUE;
    json_object_set(status, "quarantined", json_object_get(in_force, "id"));
    notes_add(notes, SPACE_SOURCES, name, json_incref(status));
    return TRUE;
}

char *source_where(Engine *engine, const Object *object, const char *path)
{
    g_autoptr(json_t) field = engine_origin(engine, object->key, path);
    g_autoptr(json_t) whole = engine_origin(engine, object->key, "");
    const char *where = json_member_string(field, "where");

    if (!g_str_has_prefix(object->owner, SOURCE_OWNER))
        return NULL;
    if (where == NULL) /* somebody edited it since */
        where = json_member_string(whole, "where");
    return g_strdup(where);
}

void source_sweep(Engine *engine)
{
    g_autoptr(Snapshot) model = engine_ref_stored(engine);
    g_autofree char *folder = g_build_filename(engine->host->dir, "sources", NULL);
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (snapshot_find(model, KIND_SOURCE, "", name) == NULL)
            file_remove_tree(path, NULL);
    }
    if (dir != NULL)
        g_dir_close(dir);
}
