#include "warnings.h"

#include "error.h"
#include "sql.h"

/* One statement that writes. Durable: a warning that was told of survives a power cut. */
static gboolean ended(Store *store, gboolean done, GError **error)
{
    return store_end(store, done, done ? error : NULL) && done;
}

gboolean warnings_raise(Store *store, const char *type, const char *entity, const char *message,
                        GError **error)
{
    g_autofree char *uuid = g_uuid_string_random();
    gint64 now = g_get_real_time();

    return store_begin(store, TRUE, error) &&
           ended(store,
                 sql_run(store_database(store), error,
                         "INSERT INTO warnings VALUES (?1, ?2, ?3, 'new', 1, ?4, ?4, ?4, ?5) "
                         "ON CONFLICT (type, entity) DO UPDATE SET count = count + 1, "
                         "last_seen = ?4, message = ?5, "
                         "updated = CASE status WHEN 'resolved' THEN ?4 ELSE updated END, "
                         "status = CASE status WHEN 'resolved' THEN 'new' ELSE status END",
                         "sssis", uuid, type, entity, now, message),
                 error);
}

gboolean warnings_is_open(Store *store, const char *type, const char *entity)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);
    g_autoptr(SqlStatement) found =
        sql_prepare(store_database(store), NULL,
                    "SELECT 1 FROM warnings WHERE type = ?1 AND entity = ?2 AND status != "
                    "'resolved'",
                    "ss", type, entity);
    gboolean open;

    return found != NULL && sql_next(found, &open, NULL) && open;
}

gboolean warnings_resolve(Store *store, const char *type, const char *entity, GError **error)
{
    /* Looked at first: nearly always there is nothing to write. */
    return !warnings_is_open(store, type, entity) ||
           (store_begin(store, TRUE, error) &&
            ended(store,
                  sql_run(store_database(store), error,
                          "UPDATE warnings SET status = 'resolved', updated = ?3 WHERE type = ?1 "
                          "AND entity = ?2 AND status != 'resolved'",
                          "ssi", type, entity, g_get_real_time()),
                  error));
}

static json_t *warning_row(SqlStatement *row)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "uuid", sql_text(row, 0), "entity",
                     sql_text(row, 1), "type", sql_text(row, 2), "status", sql_text(row, 3),
                     "count", (json_int_t)sql_int(row, 4), "first_seen",
                     (json_int_t)sql_int(row, 5), "last_seen", (json_int_t)sql_int(row, 6),
                     "message", sql_text(row, 7));
}

json_t *warnings_list(Store *store, const char *uuid, GError **error)
{
    return store_rows(
        store, warning_row, error,
        "SELECT uuid, entity, type, status, count, first_seen, last_seen, message FROM warnings "
        "WHERE ?1 IS NULL OR uuid = ?1 ORDER BY first_seen, uuid",
        "s", uuid);
}

/* The end of a write that has to find its row. */
static gboolean found_and_ended(Store *store, gboolean done, GError **error)
{
    if (done && sqlite3_changes(sql_handle(store_database(store))) == 0)
        done = error_set(error, ERR_NOT_FOUND, "Warning not found");
    return ended(store, done, error);
}

gboolean warnings_set_status(Store *store, const char *uuid, const char *status, GError **error)
{
    return store_begin(store, TRUE, error) &&
           found_and_ended(store,
                           sql_run(store_database(store), error,
                                   "UPDATE warnings SET status = ?2, updated = ?3 WHERE uuid = ?1",
                                   "ssi", uuid, status, g_get_real_time()),
                           error);
}

gboolean warnings_delete(Store *store, const char *uuid, GError **error)
{
    return store_begin(store, TRUE, error) &&
           found_and_ended(store,
                           sql_run(store_database(store), error,
                                   "DELETE FROM warnings WHERE uuid = ?1", "s", uuid),
                           error);
}

/* Keys of objects that warnings are about and that are gone. */
static GPtrArray *orphans(Store *store, const Snapshot *model, GError **error)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(SqlStatement) row =
        sql_prepare(store_database(store), error,
                    "SELECT DISTINCT entity FROM warnings WHERE entity != ''", NULL);
    gboolean more = row != NULL;

    while (more) {
        if (!sql_next(row, &more, error))
            return NULL;
        if (more && snapshot_get(model, sql_text(row, 0)) == NULL)
            g_ptr_array_add(keys, g_strdup(sql_text(row, 0)));
    }
    return row != NULL ? g_steal_pointer(&keys) : NULL;
}

gboolean warnings_prune(Store *store, const Snapshot *model, GError **error)
{
    g_autoptr(GPtrArray) keys = orphans(store, model, error);

    if (keys == NULL)
        return FALSE;
    for (guint i = 0; i < keys->len; i++) {
        if (!store_begin(store, TRUE, error) ||
            !ended(store,
                   sql_run(store_database(store), error, "DELETE FROM warnings WHERE entity = ?1",
                           "s", keys->pdata[i]),
                   error))
            return FALSE;
    }
    return TRUE;
}

gboolean warnings_expire(Store *store, gint64 since, GError **error)
{
    return store_begin(store, TRUE, error) &&
           ended(store,
                 sql_run(store_database(store), error,
                         "DELETE FROM warnings WHERE status = 'resolved' AND updated < ?1", "i",
                         since),
                 error);
}
