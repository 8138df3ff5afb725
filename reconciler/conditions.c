/* Conditions of objects (EN-48): how they are, since when, and why. */
#include <string.h>

#include "engine_private.h"
#include "journal.h"
#include "sql.h"

/* What is stored of one; NULL when it does not hold. New reference. */
static json_t *stored_condition(Engine *engine, const char *key, const char *type, GError **error)
{
    g_autoptr(SqlStatement) statement =
        sql_prepare(store_database(engine->store), error,
                    "SELECT status, reason, generation, since FROM conditions "
                    "WHERE key = ?1 AND type = ?2",
                    "ss", key, type);
    gboolean row = FALSE;

    if (statement == NULL || !sql_next(statement, &row, error))
        return NULL;
    if (!row)
        return json_pack("{s:s, s:s, s:b, s:s}", "object", key, "type", type, "status", FALSE,
                         "reason", "");
    return json_pack("{s:s, s:s, s:b, s:s, s:I, s:I}", "object", key, "type", type, "status",
                     (int)sql_int(statement, 0), "reason", sql_text(statement, 1), "generation",
                     (json_int_t)sql_int(statement, 2), "since", (json_int_t)sql_int(statement, 3));
}

static gboolean says(const json_t *condition, gboolean status, const char *reason)
{
    return json_is_true(json_object_get(condition, "status")) == status &&
           (!status || g_strcmp0(json_member_string(condition, "reason"), reason) == 0);
}

static gboolean write_condition(Engine *engine, const char *key, const char *type, gboolean status,
                                const char *reason, GError **error)
{
    if (!store_begin(engine->store, FALSE, error))
        return FALSE;
    if (store_set_condition(engine->store, key, type, status, reason, error))
        return store_end(engine->store, TRUE, error);
    store_end(engine->store, FALSE, NULL);
    return FALSE;
}

gboolean engine_set_condition(Engine *engine, const char *key, const char *type, gboolean status,
                              const char *reason, json_t **ret_changed, GError **error)
{
    g_autoptr(GRecMutexLocker) held = store_hold(engine->store);
    g_autoptr(json_t) before = NULL;

    *ret_changed = NULL;
    if (snapshot_get(store_snapshot(engine->store), key) == NULL)
        return TRUE; /* gone meanwhile */
    before = stored_condition(engine, key, type, error);
    if (before == NULL)
        return FALSE;
    if (says(before, status, reason))
        return TRUE;
    if (!write_condition(engine, key, type, status, reason, error))
        return FALSE;
    *ret_changed = stored_condition(engine, key, type, error);
    return *ret_changed != NULL;
}

/* ---- all of them ---- */

static json_t *condition_row(SqlStatement *statement)
{
    return json_pack("{s:s, s:s, s:b, s:s, s:I, s:I}", "object", sql_text(statement, 0), "type",
                     sql_text(statement, 1), "status", (int)sql_int(statement, 2), "reason",
                     sql_text(statement, 3), "generation", (json_int_t)sql_int(statement, 4),
                     "since", (json_int_t)sql_int(statement, 5));
}

/* A hold ends by itself, so that its condition is never stored. */
static gboolean add_held(Engine *engine, json_t *conditions, GError **error)
{
    g_autoptr(json_t) holds = engine_holds(engine, error);
    json_t *hold;
    size_t i;

    json_array_foreach (holds, i, hold) {
        const char *path = json_member_string(hold, "path");
        g_autofree char *reason = g_strdup_printf("%s%s%s", path, *path != '\0' ? ": " : "",
                                                  json_member_string(hold, "reason"));

        json_array_append_new(conditions,
                              json_pack("{s:s, s:s, s:b, s:s, s:i, s:O}", "object",
                                        json_member_string(hold, "object"), "type", "Held",
                                        "status", 1, "reason", reason, "generation", 0, "since",
                                        json_object_get(hold, "since")));
    }
    return holds != NULL;
}

/* What a transaction works on, a retry as well as a first try: read of the journal, so that every
 * program sees it, and nothing has to be written. */
static gboolean add_reconciling(Engine *engine, json_t *conditions, GError **error)
{
    g_autoptr(json_t) work = journal_work(engine->store, error);
    size_t i;
    json_t *item;

    json_array_foreach (work, i, item)
        json_array_append_new(conditions,
                              json_pack("{s:O, s:s, s:b, s:O, s:i, s:O}", "object",
                                        json_object_get(item, "object"), "type", "Reconciling",
                                        "status", 1, "reason", json_object_get(item, "cause"),
                                        "generation", 0, "since", json_object_get(item, "since")));
    return work != NULL;
}

json_t *engine_conditions(Engine *engine, const char *key, GError **error)
{
    g_autoptr(json_t) all = store_rows(engine->store, condition_row, error,
                                       "SELECT key, type, status, reason, generation, since FROM "
                                       "conditions ORDER BY key, type",
                                       NULL);
    json_t *chosen;
    json_t *item;
    size_t i;

    if (all == NULL || !add_held(engine, all, error) || !add_reconciling(engine, all, error))
        return NULL;
    if (key == NULL)
        return g_steal_pointer(&all);
    chosen = json_array();
    json_array_foreach (all, i, item) {
        if (strcmp(json_member_string(item, "object"), key) == 0)
            json_array_append(chosen, item);
    }
    return chosen;
}
