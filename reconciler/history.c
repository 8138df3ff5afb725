/* Generations: what was committed, when, why, and the way back (EN-46); parked data and its return
 * (EN-31); conditions (EN-48). */
#include <string.h>

#include "engine_private.h"
#include "error.h"
#include "fields.h"
#include "origins.h"
#include "planner.h"
#include "source_private.h"

static json_t *parse(const char *text)
{
    return *text != '\0' ? json_loads(text, 0, NULL) : json_null();
}

static json_t *generation_row(SqlStatement *statement)
{
    json_t *keys = json_loads(sql_text(statement, 5), 0, NULL);

    json_t *row =
        json_pack("{s:I, s:I, s:s, s:s, s:s, s:o}", "generation", (json_int_t)sql_int(statement, 0),
                  "time", (json_int_t)sql_int(statement, 1), "cause", sql_text(statement, 2),
                  "source", sql_text(statement, 3), "result", sql_text(statement, 4), "objects",
                  keys != NULL ? keys : json_array());

    if (sql_int(statement, 6) != 0) /* it waits for a confirmation (EN-33) */
        json_object_set_new(row, "revert_at", json_integer(sql_int(statement, 6)));
    return row;
}

#define GENERATION_COLUMNS                                                                         \
    "SELECT id, time, cause, source, result, (SELECT json_group_array(key) FROM (SELECT key FROM " \
    "changes WHERE generation = id ORDER BY key)), (SELECT until FROM unconfirmed u WHERE "        \
    "u.generation = id) FROM generations "

json_t *engine_history(Engine *engine, GError **error)
{
    return store_rows(engine->store, generation_row, error, GENERATION_COLUMNS "ORDER BY id DESC",
                      NULL);
}

static json_t *time_row(SqlStatement *statement)
{
    return json_integer(sql_int(statement, 0));
}

gint64 engine_last_success(Engine *engine)
{
    g_autoptr(json_t) times = store_rows(engine->store, time_row, NULL,
                                         "SELECT time FROM generations WHERE result = 'done' "
                                         "ORDER BY id DESC LIMIT 1",
                                         NULL);

    return json_integer_value(json_array_get(times, 0));
}

static json_t *change_row(SqlStatement *statement)
{
    return json_pack("{s:s, s:o, s:o}", "key", sql_text(statement, 0), "before",
                     parse(sql_text(statement, 1)), "after", parse(sql_text(statement, 2)));
}

json_t *engine_generation(Engine *engine, gint64 number, GError **error)
{
    g_autoptr(json_t) found = store_rows(engine->store, generation_row, error,
                                         GENERATION_COLUMNS "WHERE id = ?1", "i", number);
    json_t *changes;

    if (found == NULL)
        return NULL;
    if (json_array_size(found) == 0) {
        error_set(error, ERR_NOT_FOUND,
                  "there is no generation %" G_GINT64_FORMAT "; `berth history` lists them",
                  number);
        return NULL;
    }
    changes = store_rows(
        engine->store, change_row, error,
        "SELECT key, before, after FROM changes WHERE generation = ?1 ORDER BY key", "i", number);
    if (changes == NULL)
        return NULL;
    json_object_set_new(json_array_get(found, 0), "changes", changes);
    return json_incref(json_array_get(found, 0));
}

json_t *engine_origin(Engine *engine, const char *key, const char *path)
{
    g_autoptr(json_t) origins = store_origins(engine->store, key);

    return origins_find(origins, path);
}

/* Each key that changed in generations (from, to], with its content before the first and after the
 * last of them. */
static json_t *changes_between(Engine *engine, gint64 from, gint64 to, GError **error)
{
    return store_rows(
        engine->store, change_row, error,
        "SELECT key, (SELECT before FROM changes b WHERE b.key = c.key AND generation > "
        "?1 AND generation <= ?2 ORDER BY "
        "generation LIMIT 1), (SELECT after FROM changes a WHERE a.key = c.key AND "
        "generation > ?1 AND generation <= ?2 "
        "ORDER BY generation DESC LIMIT 1) FROM (SELECT DISTINCT key FROM changes WHERE "
        "generation > ?1 AND generation <= "
        "?2) c ORDER BY key",
        "ii", from, to);
}

/* Field by field; a whole object that came or went lists all its fields. */
static void append_field_differences(json_t *list, const char *key, const json_t *before,
                                     const json_t *after)
{
    g_autoptr(Object) old = store_object_from_json(key, before);
    g_autoptr(Object) new = store_object_from_json(key, after);
    g_autoptr(GPtrArray) fields = NULL;

    if (old == NULL && new == NULL)
        return;
    fields = fields_diff(old, new);
    for (guint i = 0; i < fields->len; i++) {
        const PlanField *field = fields->pdata[i];
        json_t *mask = field->secret ? json_string("(secret)") : NULL;

        json_array_append_new(
            list, json_pack("{s:s, s:s, s:O?, s:O?}", "key", key, "path", field->path, "before",
                            field->before != NULL && mask != NULL ? mask : field->before, "after",
                            field->after != NULL && mask != NULL ? mask : field->after));
        json_decref(mask);
    }
}

json_t *engine_diff(Engine *engine, gint64 from, gint64 to, GError **error)
{
    gboolean backwards = from > to;
    g_autoptr(json_t) changes = changes_between(engine, MIN(from, to), MAX(from, to), error);
    g_autoptr(json_t) list = json_array();
    json_t *change;
    size_t i;

    if (changes == NULL)
        return NULL;
    json_array_foreach (changes, i, change) {
        const json_t *before = json_object_get(change, backwards ? "after" : "before");
        const json_t *after = json_object_get(change, backwards ? "before" : "after");

        append_field_differences(list, json_member_string(change, "key"), before, after);
    }
    return g_steal_pointer(&list);
}

/* ---- back ---- */

/* The transaction that parked an object's data last, with what the object was; NULL when nothing is
 * parked. Borrowed from `parked`. */
static const json_t *parked_of(const json_t *parked, const char *key)
{
    const json_t *found = NULL;
    json_t *item;
    size_t i;

    json_array_foreach ((json_t *)parked, i, item) {
        if (strcmp(json_member_string(item, "key"), key) == 0)
            found = item;
    }
    return found;
}

static void restore(Wanted *wanted, const json_t *parked, Object *object)
{
    const json_t *data = parked_of(parked, object->key);

    if (data != NULL)
        g_hash_table_insert(wanted->parked, g_strdup(object->key),
                            g_strdup(json_member_string(data, "tx")));
    g_ptr_array_add(wanted->put, object);
}

/* One object back to `before`. It must still be what the generation left (`after`), or the way back
 * would undo somebody else's work. */
static gboolean revert_one(Engine *engine, Wanted *wanted, const json_t *parked,
                           const json_t *change, gboolean force, const char *what, GError **error)
{
    const char *key = json_member_string(change, "key");
    const Object *stored = snapshot_get(engine_stored(engine), key);
    g_autoptr(json_t) now = stored != NULL ? store_object_to_json(stored) : json_null();
    g_autofree char *label = object_key_label(key);
    Object *before = store_object_from_json(key, json_object_get(change, "before"));

    if (!force && !json_equal(now, json_object_get(change, "after"))) {
        object_unref(before);
        return error_set(error, ERR_CONFLICT,
                         "%s was changed again since %s; --force takes that back as well", label,
                         what);
    }
    if (before == NULL) {
        wanted_remove(wanted, engine_stored(engine), key);
        return TRUE;
    }
    if (stored == NULL && before->id.kind == KIND_INSTANCE && parked_of(parked, key) == NULL) {
        if (!force) {
            object_unref(before);
            return error_set(
                error, ERR_REFUSED,
                "%s was deleted and its data is purged; --force makes it anew from its image",
                label);
        }
        g_ptr_array_add(
            wanted->warnings,
            g_strdup_printf("%s is made anew from its image: its data was purged", label));
    }
    restore(wanted, parked, before);
    return TRUE;
}

/* Whether the parked data of an object fits what is wanted of it now. */
static gboolean fits(const Object *was, const Object *wanted)
{
    g_autoptr(GPtrArray) fields = NULL;

    if (strcmp(was->owner, wanted->owner) != 0)
        return FALSE;
    fields = fields_diff(was, wanted);
    for (guint i = 0; i < fields->len; i++)
        if (((const PlanField *)fields->pdata[i])->label >= LABEL_REBUILD)
            return FALSE;
    return TRUE;
}

gboolean restore_parked(Engine *engine, Wanted *wanted, GError **error)
{
    g_autoptr(json_t) parked = parked_list(engine->store, error);

    if (parked == NULL)
        return FALSE;
    for (guint i = 0; i < wanted->put->len; i++) {
        Object *object = wanted->put->pdata[i];
        const json_t *data = snapshot_get(engine->stored, object->key) == NULL
                                 ? parked_of(parked, object->key)
                                 : NULL;
        g_autoptr(Object) was =
            store_object_from_json(object->key, json_object_get(data, "object"));

        if (was == NULL || !fits(was, object))
            continue;
        json_decref(object->generated);
        object->generated = json_deep_copy(was->generated);
        g_hash_table_insert(wanted->parked, g_strdup(object->key),
                            g_strdup(json_member_string(data, "tx")));
    }
    return TRUE;
}

static gint64 last_generation(Engine *engine, const char *source, GError **error)
{
    g_autoptr(json_t) history = engine_history(engine, error);
    json_t *item;
    size_t i;

    json_array_foreach (history, i, item) {
        if (source == NULL || strcmp(json_member_string(item, "source"), source) == 0)
            return json_integer_value(json_object_get(item, "generation"));
    }
    if (history != NULL)
        error_set(error, ERR_NOT_FOUND, "there is no generation%s%s to go back from",
                  source != NULL ? " of " : "", source != NULL ? source : "");
    return 0;
}

static gboolean is_of_source(const json_t *change, const char *source)
{
    const char *before = json_string_at(change, "before/owner");
    const char *after = json_string_at(change, "after/owner");

    return source == NULL || g_strcmp0(before, source) == 0 || g_strcmp0(after, source) == 0;
}

static gboolean is_selected(Engine *engine, const json_t *change, const PlanOptions *options)
{
    const char *key = json_member_string(change, "key");
    const Object *stored = snapshot_get(engine_stored(engine), key);
    g_autoptr(Object) before =
        stored == NULL ? store_object_from_json(key, json_object_get(change, "before")) : NULL;

    return (stored == NULL && before == NULL) ||
           wanted_selected(options, stored != NULL ? stored : before);
}

/* Revisions of sources whose work goes back are not tried again. */
static gboolean quarantine(Engine *engine, Plan *plan, gint64 number, gboolean to,
                           const char *source, GError **error)
{
    g_autoptr(json_t) history = engine_history(engine, error);
    json_t *item;
    size_t i;

    if (history == NULL)
        return FALSE;
    json_array_foreach (history, i, item) {
        gint64 id = json_integer_value(json_object_get(item, "generation"));
        const char *owner = json_member_string(item, "source");

        if ((to ? id > number : id == number) && (source == NULL || strcmp(source, owner) == 0) &&
            !source_note_rollback(engine, owner, &plan->notes, error))
            return FALSE;
    }
    return TRUE;
}

Plan *engine_plan_rollback(Engine *engine, gint64 number, gboolean to, const PlanOptions *options,
                           GError **error)
{
    g_autoptr(Wanted) wanted = wanted_new();
    g_autoptr(json_t) parked = parked_list(engine->store, error);
    g_autoptr(json_t) changes = NULL;
    g_autofree char *what = NULL;
    g_autoptr(Plan) plan = NULL;
    json_t *change;
    size_t i;

    if (parked == NULL)
        return NULL;
    if (number == 0 && (number = last_generation(engine, options->set, error)) == 0)
        return NULL;
    {
        g_autoptr(json_t) known = engine_generation(engine, number, error);

        if (known == NULL)
            return NULL;
        changes = to ? changes_between(engine, number, G_MAXINT64, error)
                     : json_incref(json_object_get(known, "changes"));
    }
    if (changes == NULL)
        return NULL;
    what = g_strdup_printf("generation %" G_GINT64_FORMAT, number);
    json_array_foreach (changes, i, change) {
        if ((to && !is_of_source(change, options->set)) || !is_selected(engine, change, options))
            continue;
        if (!revert_one(engine, wanted, parked, change, options->force, what, error))
            return NULL;
    }
    plan = engine_plan_wanted(engine, g_steal_pointer(&wanted), NULL, options, error);
    if (plan == NULL || !quarantine(engine, plan, number, to, options->set, error))
        return NULL;
    return g_steal_pointer(&plan);
}

Plan *engine_plan_undelete(Engine *engine, const char *key, const PlanOptions *options,
                           GError **error)
{
    g_autoptr(Wanted) wanted = wanted_new();
    g_autoptr(json_t) parked = parked_list(engine->store, error);
    g_autofree char *label = object_key_label(key);
    const json_t *data;
    Object *object;

    if (parked == NULL)
        return NULL;
    data = parked_of(parked, key);
    object = store_object_from_json(key, json_object_get(data, "object"));
    if (object == NULL) {
        error_set(error, ERR_NOT_FOUND, "nothing of %s is parked; `berth parked` lists what is",
                  label);
        return NULL;
    }
    if (snapshot_get(engine_stored(engine), key) != NULL) {
        object_unref(object);
        error_set(error, ERR_EXISTS,
                  "%s exists; delete or rename it before the parked one can come back", label);
        return NULL;
    }
    restore(wanted, parked, object);
    return engine_plan_wanted(engine, g_steal_pointer(&wanted), NULL, options, error);
}

/* ---- parked data ---- */

json_t *engine_parked(Engine *engine, GError **error)
{
    return parked_list(engine->store, error);
}

gboolean engine_purge(Engine *engine, const char *key, gboolean all, guint *ret_count,
                      GError **error)
{
    return parked_purge(engine->store, engine->host, key, all, ret_count, error);
}

Plan *engine_plan_purge(Engine *engine, const char *key, gboolean all, GError **error)
{
    g_autoptr(json_t) list = parked_for_purge(engine->store, key, all, error);
    Plan *plan = list != NULL ? engine_plan_nothing(engine, NULL, error) : NULL;
    json_t *item;
    size_t i;

    if (plan == NULL)
        return NULL;
    json_array_foreach (list, i, item) {
        g_autofree char *label = object_key_label(json_member_string(item, "key"));

        g_ptr_array_add(plan->irreversible, g_strdup_printf("%s: %s is deleted for good", label,
                                                            json_member_string(item, "path")));
    }
    plan_seal(plan);
    return plan;
}

gint64 engine_next_purge(Engine *engine)
{
    return parked_next(engine->store);
}
