#include "notes.h"

#include <string.h>

/* A store that an earlier berth made has no such table until the first write. */
static gboolean has_table(Store *store, gboolean *ret_has, GError **error)
{
    g_autoptr(SqlStatement) statement = NULL;

    *ret_has = FALSE;
    if (store_database(store) == NULL)
        return TRUE;
    statement = sql_prepare(store_database(store), error,
                            "SELECT 1 FROM sqlite_master WHERE name = 'notes'", NULL);
    return statement != NULL && sql_next(statement, ret_has, error);
}

json_t *notes_all(Store *store, const char *space, GError **error)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);
    g_autoptr(json_t) all = json_object();
    g_autoptr(SqlStatement) statement = NULL;
    gboolean has, row;

    if (!has_table(store, &has, error))
        return NULL;
    if (!has)
        return g_steal_pointer(&all);
    statement =
        sql_prepare(store_database(store), error,
                    "SELECT key, value FROM notes WHERE space = ?1 ORDER BY key", "s", space);
    if (statement == NULL)
        return NULL;
    for (;;) {
        if (!sql_next(statement, &row, error))
            return NULL;
        if (!row)
            return g_steal_pointer(&all);
        json_object_set_new(all, sql_text(statement, 0),
                            json_loads(sql_text(statement, 1), JSON_DECODE_ANY, NULL));
    }
}

json_t *notes_get(Store *store, const char *space, const char *key, GError **error)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);
    g_autoptr(SqlStatement) statement = NULL;
    gboolean has, row;

    if (!has_table(store, &has, error) || !has)
        return NULL;
    statement =
        sql_prepare(store_database(store), error,
                    "SELECT value FROM notes WHERE space = ?1 AND key = ?2", "ss", space, key);
    if (statement == NULL || !sql_next(statement, &row, error) || !row)
        return NULL;
    return json_loads(sql_text(statement, 0), JSON_DECODE_ANY, NULL);
}

static gboolean write_one(Store *store, const char *space, const char *key, const json_t *value,
                          GError **error)
{
    g_autofree char *text = NULL;

    if (json_is_null(value))
        return sql_run(store_database(store), error,
                       "DELETE FROM notes WHERE space = ?1 AND key = ?2", "ss", space, key);
    text = json_text(value);
    return sql_run(store_database(store), error, "INSERT OR REPLACE INTO notes VALUES (?1, ?2, ?3)",
                   "sss", space, key, text);
}

gboolean notes_write(Store *store, const json_t *notes, GError **error)
{
    const char *space, *key;
    json_t *of_space, *value;

    json_object_foreach ((json_t *)notes, space, of_space)
        json_object_foreach (of_space, key, value)
            if (!write_one(store, space, key, value, error))
                return FALSE;
    return TRUE;
}

gboolean notes_forget(Store *store, const char *key, GError **error)
{
    if (g_str_has_prefix(key, "image/"))
        return write_one(store, SPACE_IMAGES, key, json_null(), error);
    return !g_str_has_prefix(key, "source///") ||
           sql_run(store_database(store), error,
                   "DELETE FROM notes WHERE key = ?1 AND space = '" SPACE_SOURCES "'", "s",
                   key + strlen("source///"));
}

gboolean notes_save(Store *store, const json_t *notes, GError **error)
{
    if (!store_begin(store, TRUE, error))
        return FALSE;
    if (notes_write(store, notes, error))
        return store_end(store, TRUE, error);
    store_end(store, FALSE, NULL);
    return FALSE;
}

void notes_add(json_t **notes, const char *space, const char *key, json_t *value)
{
    json_t *of_space;

    if (*notes == NULL)
        *notes = json_object();
    of_space = json_object_get(*notes, space);
    if (of_space == NULL) {
        of_space = json_object();
        json_object_set_new(*notes, space, of_space);
    }
    json_object_set_new(of_space, key, value != NULL ? value : json_null());
}

void notes_join(json_t **notes, const json_t *more)
{
    const char *space, *key;
    json_t *of_space, *value;

    json_object_foreach ((json_t *)more, space, of_space)
        json_object_foreach (of_space, key, value)
            notes_add(notes, space, key, json_incref(value));
}
