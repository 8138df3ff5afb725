/* A thin layer over SQLite: GError, owning statements, parameters in one line. What was prepared
 * once is kept for the next time, because that costs more than most statements do. */
#pragma once

#include <glib.h>
#include <sqlite3.h>
#include <stdarg.h>

/* A connection. */
typedef struct Sql Sql;

Sql *sql_new(sqlite3 *handle); /* takes it over */
void sql_free(Sql *sql);
sqlite3 *sql_handle(Sql *sql); /* borrowed */

typedef struct SqlStatement SqlStatement;

/* Gives a statement back. */
void sql_statement_free(SqlStatement *statement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SqlStatement, sql_statement_free)

/* Prepares a statement; NULL with an error. `types` has one letter a parameter: 's' const char *
 * (NULL: SQL null), 'i' gint64. */
SqlStatement *sql_prepare(Sql *sql, GError **error, const char *text, const char *types, ...);

SqlStatement *sql_prepare_valist(Sql *sql, GError **error, const char *text, const char *types,
                                 va_list args);

/* Steps to the next row. TRUE with *ret_row saying whether there is one. */
gboolean sql_next(SqlStatement *statement, gboolean *ret_row, GError **error);

/* Prepares and runs a statement that returns no rows. */
gboolean sql_run(Sql *sql, GError **error, const char *text, const char *types, ...);

/* Text column, borrowed until the next step; "" for null. */
const char *sql_text(SqlStatement *statement, int column);
gint64 sql_int(SqlStatement *statement, int column);
