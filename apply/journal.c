#include "journal.h"

#include <string.h>

#include "barrier.h"
#include "error.h"
#include "host.h"
#include "pending.h"

static const char *const STATE_NAMES[] = {"waiting", "running", "done",
                                          "failed",  "undone",  "undo-failed"};

static void open_transaction_free(OpenTransaction *open)
{
    g_free(open->tx);
    g_free(open->boot);
    g_ptr_array_unref(open->steps);
    g_free(open);
}

static gboolean write_steps(Store *store, const char *tx, const GPtrArray *steps, GError **error)
{
    for (guint i = 0; i < steps->len; i++) {
        g_autoptr(json_t) value = plan_step_to_json(steps->pdata[i]);
        g_autofree char *text = json_text(value);

        if (!sql_run(store_database(store), error,
                     "INSERT INTO steps VALUES (?1, ?2, ?3, 'waiting')", "sis", tx, (gint64)i,
                     text))
            return FALSE;
    }
    return TRUE;
}

/* Two transactions never write the same object: the later one is told at once. */
static gboolean check_free(Store *store, const GPtrArray *steps, GError **error)
{
    g_autoptr(SqlStatement) statement = sql_prepare(
        store_database(store), error, "SELECT DISTINCT tx, step ->> '$.object' FROM steps", NULL);
    g_autoptr(GHashTable) keys = g_hash_table_new(g_str_hash, g_str_equal);
    gboolean row;

    if (statement == NULL)
        return FALSE;
    for (guint i = 0; i < steps->len; i++)
        g_hash_table_add(keys, ((const PlanStep *)steps->pdata[i])->object);
    for (;;) {
        if (!sql_next(statement, &row, error))
            return FALSE;
        if (!row)
            return TRUE;
        if (g_hash_table_contains(keys, sql_text(statement, 1))) {
            g_autofree char *label = object_key_label(sql_text(statement, 1));

            return error_set(error, ERR_BUSY,
                             "%s is being changed by transaction %s; try again when it is done",
                             label, sql_text(statement, 0));
        }
    }
}

gboolean journal_open(Store *store, const char *tx, const char *boot, const char *cause,
                      const GPtrArray *steps, GError **error)
{
    gboolean written;

    if (!store_begin(store, barrier_needed(steps), error))
        return FALSE;
    written = check_free(store, steps, error) &&
              sql_run(store_database(store), error,
                      "INSERT INTO transactions VALUES (?1, 'open', ?2, ?3, ?4)", "ssis", tx, boot,
                      g_get_real_time() / G_USEC_PER_SEC, cause) &&
              write_steps(store, tx, steps, error);
    if (!written) {
        store_end(store, FALSE, NULL);
        return FALSE;
    }
    return store_end(store, TRUE, error);
}

gboolean journal_note(Store *store, const char *tx, guint position, StepState state, GError **error)
{
    if (!store_begin(store, FALSE, error))
        return FALSE;
    if (!sql_run(store_database(store), error,
                 "UPDATE steps SET state = ?3 WHERE tx = ?1 AND position = ?2", "sis", tx,
                 (gint64)position, STATE_NAMES[state])) {
        store_end(store, FALSE, NULL);
        return FALSE;
    }
    return store_end(store, TRUE, error);
}

gboolean journal_close(Store *store, const char *tx, GError **error)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);
    Sql *db = store_database(store);

    return sql_run(db, error, "DELETE FROM steps WHERE tx = ?1", "s", tx) &&
           sql_run(db, error, "DELETE FROM transactions WHERE tx = ?1", "s", tx);
}

static json_t *work_row(SqlStatement *statement)
{
    return json_pack("{s:s, s:s, s:I}", "object", sql_text(statement, 0), "cause",
                     sql_text(statement, 1), "since", (json_int_t)sql_int(statement, 2));
}

json_t *journal_work(Store *store, GError **error)
{
    return store_rows(store, work_row, error,
                      "SELECT DISTINCT s.step ->> '$.object', t.cause, t.time FROM steps s "
                      "JOIN transactions t ON t.tx = s.tx ORDER BY 1",
                      NULL);
}

static gboolean read_steps(Store *store, OpenTransaction *open, GError **error)
{
    g_autoptr(SqlStatement) statement =
        sql_prepare(store_database(store), error,
                    "SELECT step FROM steps WHERE tx = ?1 ORDER BY position", "s", open->tx);
    gboolean row;

    if (statement == NULL)
        return FALSE;
    for (;;) {
        g_autoptr(json_t) value = NULL;
        PlanStep *step;

        if (!sql_next(statement, &row, error))
            return FALSE;
        if (!row)
            return TRUE;
        value = json_loads(sql_text(statement, 0), 0, NULL);
        step = plan_step_from_json(value);
        if (step == NULL)
            return error_set(error, ERR_FAILED,
                             "transaction %s has a step that this build does not know: %s",
                             open->tx, sql_text(statement, 0));
        g_ptr_array_add(open->steps, step);
    }
}

GPtrArray *journal_unfinished(Store *store, GError **error)
{
    g_autoptr(GPtrArray) found =
        g_ptr_array_new_with_free_func((GDestroyNotify)open_transaction_free);
    g_autoptr(SqlStatement) statement = sql_prepare(
        store_database(store), error, "SELECT tx, boot FROM transactions ORDER BY rowid", NULL);
    gboolean row;

    if (statement == NULL)
        return NULL;
    for (;;) {
        OpenTransaction *open;

        if (!sql_next(statement, &row, error))
            return NULL;
        if (!row)
            return g_steal_pointer(&found);
        open = g_new0(OpenTransaction, 1);
        open->tx = g_strdup(sql_text(statement, 0));
        open->boot = g_strdup(sql_text(statement, 1));
        open->steps = g_ptr_array_new_with_free_func((GDestroyNotify)plan_step_free);
        g_ptr_array_add(found, open);
        if (!read_steps(store, open, error))
            return NULL;
    }
}

gboolean parked_add(Store *store, const Step *step, const Object *object, gint64 until,
                    GError **error)
{
    g_autoptr(json_t) value =
        json_pack("{s:s, s:s, s:s, s:O*, s:O*, s:s}", "name", step->name, "key", step->key, "path",
                  step->path, "from", step->from, "to", step->to, "tx", step->tx);
    g_autoptr(json_t) whole = object != NULL ? store_object_to_json(object) : NULL;
    g_autofree char *step_text = json_text(value);
    g_autofree char *object_text = whole != NULL ? json_text(whole) : NULL;

    return sql_run(
        store_database(store), error,
        "INSERT INTO parked (tx, key, step, object, since, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        "ssssii", step->tx, step->key, step_text, object_text, g_get_real_time() / G_USEC_PER_SEC,
        until);
}

gboolean parked_forget(Store *store, const char *tx, const char *key, GError **error)
{
    return sql_run(store_database(store), error, "DELETE FROM parked WHERE tx = ?1 AND key = ?2",
                   "ss", tx, key);
}

#define PARKED_COLUMNS "SELECT id, tx, key, step, object, since, until FROM parked p "

static json_t *parked_row(SqlStatement *statement)
{
    json_t *step = json_loads(sql_text(statement, 3), 0, NULL);

    return json_pack("{s:I, s:s, s:s, s:O?, s:o?, s:o?, s:I, s:I}", "id",
                     (json_int_t)sql_int(statement, 0), "tx", sql_text(statement, 1), "key",
                     sql_text(statement, 2), "path", json_object_get(step, "path"), "step", step,
                     "object", json_loads(sql_text(statement, 4), 0, NULL), "since",
                     (json_int_t)sql_int(statement, 5), "until", (json_int_t)sql_int(statement, 6));
}

json_t *parked_list(Store *store, GError **error)
{
    return store_rows(store, parked_row, error, PARKED_COLUMNS "ORDER BY id", NULL);
}

static json_t *until_row(SqlStatement *statement)
{
    return json_integer(sql_int(statement, 0));
}

gint64 parked_next(Store *store)
{
    g_autoptr(json_t) first = store_rows(
        store, until_row, NULL, "SELECT until FROM parked WHERE until < ?1 ORDER BY until LIMIT 1",
        "i", PARKED_FOR_EVER);

    return json_integer_value(json_array_get(first, 0));
}

json_t *parked_for_purge(Store *store, const char *key, gboolean all, GError **error)
{
    gint64 until = all ? G_MAXINT64 : g_get_real_time() / G_USEC_PER_SEC;

    return store_rows(store, parked_row, error,
                      PARKED_COLUMNS
                      "WHERE CASE WHEN ?1 IS NULL THEN until <= ?2 ELSE key = ?1 END "
                      "AND NOT EXISTS (SELECT 1 FROM steps s WHERE "
                      "s.step ->> '$.object' = p.key) ORDER BY id",
                      "si", key, until);
}

static gboolean forget_parked(Store *store, gint64 id, GError **error)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);

    return sql_run(store_database(store), error, "DELETE FROM parked WHERE id = ?1", "i", id);
}

gboolean parked_purge(Store *store, Host *host, const char *key, gboolean all, guint *ret_count,
                      GError **error)
{
    /* Deleting takes long, so the store is not held meanwhile; one thread at a time deletes. */
    static GMutex purging;
    g_autoptr(GMutexLocker) alone = g_mutex_locker_new(&purging);
    g_autoptr(json_t) list = parked_for_purge(store, key, all, error);
    g_autoptr(GError) first = NULL;
    json_t *item;
    size_t i;

    if (list == NULL)
        return FALSE;
    *ret_count = 0;
    json_array_foreach (list, i, item) {
        g_autoptr(GError) failure = NULL;
        PlanStep *step = plan_step_from_json(json_object_get(item, "step"));

        if (step == NULL)
            continue; /* of a driver that this build does not have: kept for the build that does */
        if (host_purge(host, &step->step, &failure) &&
            forget_parked(store, json_integer_value(json_object_get(item, "id")), &failure))
            (*ret_count)++;
        else if (first == NULL)
            first = g_steal_pointer(&failure);
        plan_step_free(step);
    }
    if (first == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}
