#include "sql.h"

#include <sys/stat.h>

#include "error.h"

#define SHORT_LOG (512 * 1024)
#define IDLE_MAX 48u /* statements that are kept: some kilobytes each */

struct Sql {
    sqlite3 *handle;
    GMutex mutex;     /* what follows */
    GHashTable *idle; /* text -> SqlStatement that nobody uses */
};

struct SqlStatement {
    Sql *sql;
    sqlite3_stmt *handle;
};

static void statement_free(gpointer data)
{
    SqlStatement *statement = data;

    sqlite3_finalize(statement->handle);
    g_free(statement);
}

Sql *sql_new(sqlite3 *handle)
{
    Sql *sql = g_new0(Sql, 1);

    sql->handle = handle;
    g_mutex_init(&sql->mutex);
    sql->idle = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, statement_free);
    return sql;
}

/* The log of writes (WAL) stays beside the database while it is short: to move it there now and to
 * make a new one next time are four waits for the disk. */
static void keep_short_log(sqlite3 *handle)
{
    const char *path = sqlite3_db_filename(handle, "main");
    struct stat st;

    if (path != NULL && *path != '\0' && stat(sqlite3_filename_wal(path), &st) == 0 &&
        st.st_size < SHORT_LOG)
        sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

void sql_free(Sql *sql)
{
    if (sql == NULL)
        return;
    g_hash_table_unref(sql->idle);
    g_mutex_clear(&sql->mutex);
    keep_short_log(sql->handle);
    sqlite3_close(sql->handle);
    g_free(sql);
}

sqlite3 *sql_handle(Sql *sql)
{
    return sql->handle;
}

static gboolean sql_failed(sqlite3 *handle, GError **error)
{
    return error_set(error, ERR_FAILED, "state database: %s", sqlite3_errmsg(handle));
}

/* Whoever has it is alone with it: the same text may be prepared twice at a time. */
static SqlStatement *take(Sql *sql, const char *text)
{
    gpointer statement = NULL;

    g_mutex_lock(&sql->mutex);
    g_hash_table_steal_extended(sql->idle, text, NULL, &statement);
    g_mutex_unlock(&sql->mutex);
    return statement;
}

void sql_statement_free(SqlStatement *statement)
{
    Sql *sql;
    gboolean kept = FALSE;

    if (statement == NULL)
        return;
    sql = statement->sql;
    /* It holds no lock and no value while it waits. */
    sqlite3_reset(statement->handle);
    sqlite3_clear_bindings(statement->handle);
    g_mutex_lock(&sql->mutex);
    if (g_hash_table_size(sql->idle) < IDLE_MAX &&
        !g_hash_table_contains(sql->idle, sqlite3_sql(statement->handle)))
        kept = g_hash_table_insert(sql->idle, (gpointer)sqlite3_sql(statement->handle), statement);
    g_mutex_unlock(&sql->mutex);
    if (!kept)
        statement_free(statement);
}

SqlStatement *sql_prepare_valist(Sql *sql, GError **error, const char *text, const char *types,
                                 va_list args)
{
    SqlStatement *statement = take(sql, text);

    if (statement == NULL) {
        sqlite3_stmt *handle = NULL;

        if (sqlite3_prepare_v3(sql->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL) !=
            SQLITE_OK) {
            sql_failed(sql->handle, error);
            return NULL;
        }
        statement = g_new0(SqlStatement, 1);
        *statement = (SqlStatement){sql, handle};
    }
    for (int i = 0; types != NULL && types[i] != '\0'; i++) {
        if (types[i] == 's')
            sqlite3_bind_text(statement->handle, i + 1, va_arg(args, const char *), -1,
                              SQLITE_TRANSIENT);
        else
            sqlite3_bind_int64(statement->handle, i + 1, va_arg(args, gint64));
    }
    return statement;
}

SqlStatement *sql_prepare(Sql *sql, GError **error, const char *text, const char *types, ...)
{
    SqlStatement *statement;
    va_list args;

    va_start(args, types);
    statement = sql_prepare_valist(sql, error, text, types, args);
    va_end(args);
    return statement;
}

gboolean sql_next(SqlStatement *statement, gboolean *ret_row, GError **error)
{
    int result = sqlite3_step(statement->handle);

    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return sql_failed(statement->sql->handle, error);
    *ret_row = result == SQLITE_ROW;
    return TRUE;
}

gboolean sql_run(Sql *sql, GError **error, const char *text, const char *types, ...)
{
    g_autoptr(SqlStatement) statement = NULL;
    gboolean row;
    va_list args;

    va_start(args, types);
    statement = sql_prepare_valist(sql, error, text, types, args);
    va_end(args);
    return statement != NULL && sql_next(statement, &row, error);
}

const char *sql_text(SqlStatement *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement->handle, column);

    return text != NULL ? (const char *)text : "";
}

gint64 sql_int(SqlStatement *statement, int column)
{
    return sqlite3_column_int64(statement->handle, column);
}
