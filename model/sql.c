#include "sql.h"

#include "error.h"

static gboolean sql_failed(sqlite3 *db, GError **error)
{
    return error_set(error, ERR_FAILED, "state database: %s", sqlite3_errmsg(db));
}

SqlStatement *sql_prepare_valist(sqlite3 *db, GError **error, const char *sql, const char *types,
                                 va_list args)
{
    SqlStatement *statement = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        sql_failed(db, error);
        return NULL;
    }
    for (int i = 0; types != NULL && types[i] != '\0'; i++) {
        if (types[i] == 's')
            sqlite3_bind_text(statement, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        else
            sqlite3_bind_int64(statement, i + 1, va_arg(args, gint64));
    }
    return statement;
}

SqlStatement *sql_prepare(sqlite3 *db, GError **error, const char *sql, const char *types, ...)
{
    SqlStatement *statement;
    va_list args;

    va_start(args, types);
    statement = sql_prepare_valist(db, error, sql, types, args);
    va_end(args);
    return statement;
}

gboolean sql_next(SqlStatement *statement, gboolean *ret_row, GError **error)
{
    int result = sqlite3_step(statement);

    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return sql_failed(sqlite3_db_handle(statement), error);
    *ret_row = result == SQLITE_ROW;
    return TRUE;
}

gboolean sql_run(sqlite3 *db, GError **error, const char *sql, const char *types, ...)
{
    g_autoptr(SqlStatement) statement = NULL;
    gboolean row;
    va_list args;

    va_start(args, types);
    statement = sql_prepare_valist(db, error, sql, types, args);
    va_end(args);
    return statement != NULL && sql_next(statement, &row, error);
}

const char *sql_text(SqlStatement *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    return text != NULL ? (const char *)text : "";
}

gint64 sql_int(SqlStatement *statement, int column)
{
    return sqlite3_column_int64(statement, column);
}
