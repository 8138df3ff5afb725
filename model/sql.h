/* A thin layer over SQLite: GError, owning statements, parameters in one line. */
#pragma once

#include <glib.h>
#include <sqlite3.h>
#include <stdarg.h>

typedef sqlite3_stmt SqlStatement;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SqlStatement, sqlite3_finalize)

/* Prepares a statement; NULL with an error. `types` has one letter a parameter: 's' const char *
 * (NULL: SQL null), 'i' gint64. */
SqlStatement *sql_prepare(sqlite3 *db, GError **error, const char *sql, const char *types, ...);

SqlStatement *sql_prepare_valist(sqlite3 *db, GError **error, const char *sql, const char *types,
                                 va_list args);

/* Steps to the next row. TRUE with *ret_row saying whether there is one. */
gboolean sql_next(SqlStatement *statement, gboolean *ret_row, GError **error);

/* Prepares and runs a statement that returns no rows. */
gboolean sql_run(sqlite3 *db, GError **error, const char *sql, const char *types, ...);

/* Text column, borrowed until the next step; "" for null. */
const char *sql_text(SqlStatement *statement, int column);
gint64 sql_int(SqlStatement *statement, int column);
