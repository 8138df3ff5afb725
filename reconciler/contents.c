#include "contents.h"

#include <string.h>

#include "error.h"
#include "sql.h"

typedef struct {
    Sealed *sealed;
    GHashTable *contents;
} Reading;

/* One content: read, digested, remembered. */
static gboolean close_token(const char *reference, const char *digest, GString *ret, void *data,
                            GError **error)
{
    Reading *reading = data;
    g_autoptr(GBytes) content = NULL;
    g_autofree char *found = NULL;
    g_autofree char *token = NULL;

    if (digest == NULL) {
        content = sealed_read(reference, error);
        found = content != NULL ? sealed_digest(reading->sealed, content, error) : NULL;
        if (found == NULL)
            return FALSE;
        g_hash_table_replace(reading->contents, g_strdup(found), g_steal_pointer(&content));
    }
    token = secrets_token(reference, digest != NULL ? digest : found);
    g_string_append(ret, token);
    return TRUE;
}

/* "FILE:LINE:COLUMN: profile/web: " for the object whose secret cannot be read. */
static void prefix_error(GError **error, const Object *object, const char *path)
{
    g_autofree char *where = object_where(object, path);
    g_autofree char *label = object_label(object);
    g_autofree char *shown = json_path_shown(path);

    g_prefix_error(error, "%s%s%s: %s: ", where != NULL ? where : "", where != NULL ? ": " : "",
                   label, shown);
}

/* Replaces the members of a map at `prefix` in place. */
static gboolean read_members(Reading *reading, const Object *object, json_t *map,
                             const char *prefix, GError **error)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe (map, next, key, value) {
        g_autofree char *part = json_path_part(key);
        g_autofree char *path = g_strconcat(prefix, part, NULL);
        g_autofree char *below = g_strconcat(path, "/", NULL);
        json_t *closed;

        if (!secrets_are_open(value))
            continue;
        if (json_is_object(value)) {
            if (!read_members(reading, object, value, below, error))
                return FALSE;
            continue;
        }
        closed = secrets_replace_all(value, close_token, reading, error);
        if (closed == NULL) {
            prefix_error(error, object, path);
            return FALSE;
        }
        json_object_set_new_nocheck(map, key, closed);
    }
    return TRUE;
}

gboolean contents_read(Sealed *sealed, Wanted *wanted, GHashTable **ret_contents, GError **error)
{
    g_autoptr(GHashTable) contents =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    Reading reading = {sealed, contents};

    *ret_contents = NULL;
    for (guint i = 0; i < wanted->put->len; i++) {
        Object *object = wanted->put->pdata[i];
        json_t *spec;

        if (!secrets_are_open(object->spec))
            continue;
        spec = json_deep_copy(object->spec);
        json_decref(object->spec);
        object->spec = spec;
        if (!read_members(&reading, object, spec, "", error))
            return FALSE;
    }
    if (g_hash_table_size(contents) > 0)
        *ret_contents = g_steal_pointer(&contents);
    return TRUE;
}

gboolean contents_keep(Sealed *sealed, GHashTable *contents, GError **error)
{
    GHashTableIter iter;
    gpointer digest, content;

    if (contents == NULL)
        return TRUE;
    g_hash_table_iter_init(&iter, contents);
    while (g_hash_table_iter_next(&iter, &digest, &content))
        if (!sealed_put(sealed, digest, content, error))
            return FALSE;
    return TRUE;
}

/* Adds the digests in a text of the store, where tokens are as JSON writes them. */
static void note_digests(GHashTable *digests, const char *text)
{
    for (const char *at = text; at != NULL && (at = strstr(at, "\\u001")) != NULL; at += 6) {
        gsize length = at[5] == 'F' || at[5] == 'f' ? strspn(at + 6, "0123456789abcdef") : 0;

        if (length == 64)
            g_hash_table_add(digests, g_strndup(at + 6, length));
    }
}

void contents_sweep(Sealed *sealed, Sql *db)
{
    static const char *const queries[] = {
        "SELECT spec FROM objects WHERE instr(spec, '\\u0002')",
        "SELECT coalesce(before, '') || coalesce(after, '') FROM changes WHERE "
        "instr(coalesce(before, "
        "'') || coalesce(after, ''), '\\u0002')",
        "SELECT coalesce(object, '') || step FROM parked WHERE instr(coalesce(object, '') || step, "
        "'\\u0002')",
        "SELECT step FROM steps WHERE instr(step, '\\u0002')",
    };
    g_autoptr(GHashTable) digests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    /* The queries read all of history, after each transaction: few hosts have secrets. */
    if (sealed_is_empty(sealed))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(queries); i++) {
        g_autoptr(SqlStatement) statement = sql_prepare(db, NULL, queries[i], NULL);
        gboolean row = FALSE;

        /* What is not known to be useless is kept. */
        if (statement == NULL || !sql_next(statement, &row, NULL))
            return;
        while (row) {
            note_digests(digests, sql_text(statement, 0));
            if (!sql_next(statement, &row, NULL))
                return;
        }
    }
    sealed_forget_others(sealed, digests);
}
