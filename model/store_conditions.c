/* Conditions of objects in the store (EN-48). */
#include <string.h>

#include "store.h"

gboolean store_set_condition(Store *store, const char *key, const char *type, gboolean status,
                             const char *reason, GError **error)
{
    if (!status && strcmp(type, "Ready") != 0)
        return sql_run(store_database(store), error,
                       "DELETE FROM conditions WHERE key = ?1 AND type = ?2", "ss", key, type);
    return sql_run(store_database(store), error,
                   "INSERT INTO conditions VALUES (?1, ?2, ?3, ?4, (SELECT coalesce(max(id), 0) "
                   "FROM generations), ?5) "
                   "ON CONFLICT (key, type) DO UPDATE SET since = CASE WHEN status = ?3 THEN since "
                   "ELSE ?5 END, "
                   "status = ?3, reason = ?4, generation = excluded.generation",
                   "ssisi", key, type, (gint64)status, reason, g_get_real_time() / G_USEC_PER_SEC);
}
