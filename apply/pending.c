#include "pending.h"

gboolean pending_add(Store *store, gint64 number, const char *tx, gint64 until, gint64 park_seconds,
                     GError **error)
{
    return sql_run(store_database(store), error, "INSERT INTO unconfirmed VALUES (?1, ?2, ?3, ?4)",
                   "isii", number, tx, until, park_seconds);
}

gboolean pending_forget(Store *store, gint64 number, GError **error)
{
    return sql_run(store_database(store), error, "DELETE FROM unconfirmed WHERE generation = ?1",
                   "i", number);
}

gboolean pending_confirm(Store *store, gint64 number, GError **error)
{
    return sql_run(store_database(store), error,
                   "UPDATE parked SET until = ?2 + (SELECT park FROM unconfirmed WHERE generation "
                   "= ?1) WHERE tx = (SELECT tx FROM unconfirmed WHERE generation = ?1)",
                   "ii", number, g_get_real_time() / G_USEC_PER_SEC) &&
           pending_forget(store, number, error);
}

json_t *pending_list(Store *store, GError **error)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);
    g_autoptr(json_t) list = json_array();
    g_autoptr(SqlStatement) statement = NULL;
    gboolean row;

    if (store_database(store) == NULL)
        return g_steal_pointer(&list);
    statement = sql_prepare(store_database(store), error,
                            "SELECT generation, until, (SELECT json_group_array(key) FROM (SELECT "
                            "key FROM changes c WHERE c.generation = u.generation ORDER BY key)) "
                            "FROM unconfirmed u ORDER BY until, generation",
                            NULL);
    if (statement == NULL)
        return NULL;
    for (;;) {
        if (!sql_next(statement, &row, error))
            return NULL;
        if (!row)
            return g_steal_pointer(&list);
        json_array_append_new(list, json_pack("{s:I, s:I, s:o}", "generation",
                                              (json_int_t)sql_int(statement, 0), "revert_at",
                                              (json_int_t)sql_int(statement, 1), "keys",
                                              json_loads(sql_text(statement, 2), 0, NULL)));
    }
}
