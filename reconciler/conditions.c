/* Conditions of objects (EN-48): how they are, since when, and why. */
#include <string.h>

#include "engine_private.h"
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
