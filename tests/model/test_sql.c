/* Statements are kept once they are prepared: nothing of one use may be seen in the next. */
#include <criterion/criterion.h>

#include "sql.h"

static Sql *open_with(const char *text)
{
    sqlite3 *handle;
    Sql *sql;

    cr_assert_eq(sqlite3_open(":memory:", &handle), SQLITE_OK);
    sql = sql_new(handle);
    cr_assert_eq(sqlite3_exec(handle, text, NULL, NULL, NULL), SQLITE_OK);
    return sql;
}

static gint64 next_number(SqlStatement *statement)
{
    g_autoptr(GError) error = NULL;
    gboolean row;

    cr_assert(sql_next(statement, &row, &error), "%s", error != NULL ? error->message : "");
    return row ? sql_int(statement, 0) : -1;
}

#define NUMBERS "SELECT n FROM t WHERE ?1 IS NULL OR n >= ?1 ORDER BY n"

Test(sql, a_text_that_is_used_twice_at_a_time)
{
    Sql *sql = open_with("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2), (3)");
    SqlStatement *first = sql_prepare(sql, NULL, NUMBERS, "i", (gint64)1);
    SqlStatement *second = sql_prepare(sql, NULL, NUMBERS, "i", (gint64)2);

    cr_expect_eq(next_number(first), 1);
    cr_expect_eq(next_number(second), 2);
    cr_expect_eq(next_number(first), 2);
    sql_statement_free(second);
    cr_expect_eq(next_number(first), 3);
    sql_statement_free(first);
    sql_free(sql);
}

Test(sql, a_statement_that_was_left_half_way_begins_anew)
{
    Sql *sql = open_with("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2), (3)");

    for (guint i = 0; i < 3; i++) {
        g_autoptr(SqlStatement) statement = sql_prepare(sql, NULL, NUMBERS, "i", (gint64)2);

        cr_expect_eq(next_number(statement), 2);
    }
    {
        /* No value of another use. */
        g_autoptr(SqlStatement) statement = sql_prepare(sql, NULL, NUMBERS, NULL);

        cr_expect_eq(next_number(statement), 1);
    }
    sql_free(sql);
}

Test(sql, a_statement_holds_no_lock_while_it_is_kept)
{
    Sql *sql = open_with("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2)");
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < 2; i++) {
        g_autoptr(SqlStatement) statement = sql_prepare(sql, NULL, NUMBERS, NULL);

        next_number(statement);
    }
    cr_expect(sql_run(sql, &error, "DROP TABLE t", NULL), "%s",
              error != NULL ? error->message : "");
    cr_expect(sql_run(sql, &error, "CREATE TABLE t (n INTEGER, m INTEGER)", NULL));
    cr_expect(sql_run(sql, &error, "INSERT INTO t VALUES (?1, 0)", "i", (gint64)7));
    cr_expect(sql_run(sql, &error, "INSERT INTO t VALUES (?1, 0)", "i", (gint64)5));
    {
        g_autoptr(SqlStatement) statement = sql_prepare(sql, NULL, NUMBERS, NULL);

        cr_expect_eq(next_number(statement), 5);
        cr_expect_eq(next_number(statement), 7);
        cr_expect_eq(next_number(statement), -1);
    }
    sql_free(sql);
}
