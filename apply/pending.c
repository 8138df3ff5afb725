#include "pending.h"

gboolean pending_add(Store *store, gint64 number, const char *tx, gint64 until, gint64 park_seconds,
                     GError **error)
{
    store_set_may_wait(store, TRUE);
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

static json_t *pending_row(SqlStatement *statement)
{
    return json_pack("{s:I, s:I, s:o}", "generation", (json_int_t)sql_int(statement, 0),
                     "revert_at", (json_int_t)sql_int(statement, 1), "keys",
                     json_loads(sql_text(statement, 2), 0, NULL));
}

json_t *pending_list(Store *store, GError **error)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);
    json_t *list;

    if (!store_may_wait(store))
        return json_array();
    list = store_rows(store, pending_row, error,
                      "SELECT generation, until, (SELECT json_group_array(key) FROM (SELECT key "
                      "FROM changes c WHERE c.generation = u.generation ORDER BY key)) FROM "
                      "unconfirmed u ORDER BY until, generation",
                      NULL);
    if (list != NULL)
        store_set_may_wait(store, json_array_size(list) > 0);
    return list;
}
