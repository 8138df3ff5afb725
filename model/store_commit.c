/* One commit in the database: objects, where their fields were written, and the generation. */
#include <string.h>

#include "notes.h"
#include "origins.h"
#include "store.h"

/* What a generation keeps of an object: not how it runs (EN-46). */
static char *lasting_text(const Object *object)
{
    g_autoptr(json_t) value = NULL;
    json_t *generated;
    const char *key;
    json_t *drawn;
    void *next;

    if (object == NULL)
        return NULL;
    generated = json_copy(object->generated);
    json_object_foreach_safe (generated, next, key, drawn) {
        if (g_str_has_prefix(key, "volatile.last_state.") || strcmp(key, "$last_used") == 0)
            json_object_del(generated, key);
    }
    value = json_pack("{s:O, s:o, s:s}", "spec", object->spec, "generated", generated, "owner",
                      object->owner);
    return json_text(value);
}

/* Adds what lasts of an object's change to `changes`, of {key, before, after}. */
static void note_change(Store *store, const char *key, const Object *after, json_t *changes)
{
    g_autofree char *before_text = lasting_text(snapshot_get(store_snapshot(store), key));
    g_autofree char *after_text = lasting_text(after);

    if (g_strcmp0(before_text, after_text) != 0)
        json_array_append_new(changes, json_pack("[s, s?, s?]", key, before_text, after_text));
}

static json_t *changes_of(Store *store, const Commit *commit)
{
    json_t *changes = json_array();

    for (guint i = 0; i < commit->remove->len; i++)
        note_change(store, commit->remove->pdata[i], NULL, changes);
    for (guint i = 0; i < commit->put->len; i++) {
        const Object *object = commit->put->pdata[i];

        note_change(store, object->key, object, changes);
    }
    return changes;
}

static gboolean put_generation(Store *store, const Commit *commit, const json_t *changes,
                               gint64 *ret_generation, GError **error)
{
    g_autofree char *plan = commit->plan != NULL ? json_text(commit->plan) : NULL;
    size_t i;
    json_t *change;

    if (!sql_run(store_database(store), error,
                 "INSERT INTO generations (time, cause, source, result, plan) VALUES (?1, ?2, ?3, "
                 "?4, ?5)",
                 "issss", g_get_real_time() / G_USEC_PER_SEC, commit->cause,
                 commit->source != NULL ? commit->source : "api", commit->result, plan))
        return FALSE;
    *ret_generation = sqlite3_last_insert_rowid(sql_handle(store_database(store)));
    json_array_foreach (changes, i, change) {
        if (!sql_run(store_database(store), error,
                     "INSERT OR REPLACE INTO changes VALUES (?1, ?2, ?3, ?4)", "isss",
                     *ret_generation, json_string_value(json_array_get(change, 0)),
                     json_string_value(json_array_get(change, 1)),
                     json_string_value(json_array_get(change, 2))))
            return FALSE;
    }
    return TRUE;
}

/* Fields keep their origin as long as they keep their value; a file says where all of them are. */
static gboolean put_origins(Store *store, const Commit *commit, const Object *object,
                            GError **error)
{
    const Object *stored = snapshot_get(store_snapshot(store), object->key);
    const Author author = {commit->user, commit->cause, g_get_real_time() / G_USEC_PER_SEC};
    g_autoptr(json_t) kept = origins_keep_some(object) ? store_origins(store, object->key) : NULL;
    g_autoptr(json_t) origins = origins_of_file(object, kept, commit->directory, commit->revision);
    g_autofree char *text = NULL;

    if (origins == NULL) {
        g_autoptr(json_t) old = store_origins(store, object->key);

        if (stored != NULL && json_equal(stored->spec, object->spec))
            return TRUE;
        origins = origins_merge(old, stored != NULL ? stored->spec : NULL, object->spec, &author);
    }
    text = json_text(origins);
    return sql_run(store_database(store), error, "INSERT OR REPLACE INTO origins VALUES (?1, ?2)",
                   "ss", object->key, text);
}

static gboolean put_object(Store *store, Object *object, GError **error)
{
    g_autofree char *spec = json_text(object->spec);
    g_autofree char *generated = json_text(object->generated);
    const Object *stored = snapshot_get(store_snapshot(store), object->key);
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    if (object->created == 0)
        object->created = stored != NULL ? stored->created : now;
    return sql_run(store_database(store), error,
                   "INSERT INTO objects VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (key) DO "
                   "UPDATE SET spec = ?2, "
                   "generated = ?3, owner = ?4, revision = ?5, changed = ?7",
                   "ssssiii", object->key, spec, generated, object->owner,
                   store_revision(store) + 1, object->created, now);
}

gboolean store_commit(Store *store, const Commit *commit, gint64 *ret_generation, GError **error)
{
    g_autoptr(json_t) changes = changes_of(store, commit);

    *ret_generation = 0;
    if (json_array_size(changes) > 0 &&
        !put_generation(store, commit, changes, ret_generation, error))
        return FALSE;
    for (guint i = 0; i < commit->remove->len; i++) {
        const char *key = commit->remove->pdata[i];

        if (!sql_run(store_database(store), error, "DELETE FROM objects WHERE key = ?1", "s",
                     key) ||
            !sql_run(store_database(store), error, "DELETE FROM origins WHERE key = ?1", "s",
                     key) ||
            !sql_run(store_database(store), error, "DELETE FROM conditions WHERE key = ?1", "s",
                     key) ||
            !notes_forget(store, key, error))
            return FALSE;
    }
    for (guint i = 0; i < commit->put->len; i++) {
        if (!put_object(store, commit->put->pdata[i], error) ||
            !put_origins(store, commit, commit->put->pdata[i], error))
            return FALSE;
    }
    return notes_write(store, commit->notes, error) &&
           sql_run(store_database(store), error,
                   "INSERT OR REPLACE INTO meta VALUES ('revision', ?1)", "i",
                   store_revision(store) + 1);
}
