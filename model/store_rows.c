/* What the store is asked for by its users. */
#include "store.h"

json_t *store_rows(Store *store, RowFunction row, GError **error, const char *sql,
                   const char *types, ...)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);
    g_autoptr(json_t) list = json_array();
    g_autoptr(SqlStatement) statement = NULL;
    gboolean more;
    va_list args;

    if (store_database(store) == NULL)
        return g_steal_pointer(&list);
    va_start(args, types);
    statement = sql_prepare_valist(store_database(store), error, sql, types, args);
    va_end(args);
    if (statement == NULL)
        return NULL;
    for (;;) {
        if (!sql_next(statement, &more, error))
            return NULL;
        if (!more)
            return g_steal_pointer(&list);
        json_array_append_new(list, row(statement));
    }
}

json_t *store_origins(Store *store, const char *key)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);
    g_autoptr(SqlStatement) statement = NULL;
    gboolean row;

    /* A store that an older build wrote, opened for reading, has no such table. */
    if (store_database(store) != NULL)
        statement = sql_prepare(store_database(store), NULL,
                                "SELECT origins FROM origins WHERE key = ?1", "s", key);
    if (statement == NULL || !sql_next(statement, &row, NULL) || !row)
        return NULL;
    return json_loads(sql_text(statement, 0), 0, NULL);
}
