#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "file.h"

#define STORE_FORMAT 1
#define CACHE_KIB "512" /* of pages: what is read often is in the snapshot */

struct Store {
    GRecMutex mutex; /* what follows, and the connection's own transaction */
    char *dir;
    Sql *db;
    int lock_fd;
    gint64 data_version; /* SQLite's: rises when another connection writes */
    Snapshot *snapshot;
    gint64 revision;
    gboolean may_wait; /* see store_may_wait */
};

static const char SCHEMA[] =
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, spec TEXT NOT NULL, generated TEXT "
    "NOT NULL, owner TEXT NOT NULL,"
    " revision INTEGER NOT NULL, created INTEGER NOT NULL, changed INTEGER NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS origins (key TEXT PRIMARY KEY, origins TEXT NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS generations (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER "
    "NOT NULL, cause TEXT NOT NULL,"
    " source TEXT NOT NULL, result TEXT NOT NULL, plan TEXT) STRICT;"
    "CREATE TABLE IF NOT EXISTS changes (generation INTEGER NOT NULL, key TEXT NOT NULL, before "
    "TEXT, after TEXT,"
    " PRIMARY KEY (generation, key)) STRICT;"
    "CREATE INDEX IF NOT EXISTS changes_by_key ON changes (key, generation);"
    "CREATE TABLE IF NOT EXISTS transactions (tx TEXT PRIMARY KEY, state TEXT NOT NULL, boot TEXT "
    "NOT NULL, time INTEGER NOT NULL,"
    " cause TEXT NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS steps (tx TEXT NOT NULL, position INTEGER NOT NULL, step TEXT NOT "
    "NULL, state TEXT NOT NULL,"
    " PRIMARY KEY (tx, position)) STRICT;"
    "CREATE TABLE IF NOT EXISTS parked (id INTEGER PRIMARY KEY AUTOINCREMENT, tx TEXT NOT NULL, "
    "key TEXT NOT NULL, step TEXT NOT NULL,"
    " object TEXT, since INTEGER NOT NULL, until INTEGER NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS unconfirmed (generation INTEGER PRIMARY KEY, tx TEXT NOT NULL, "
    "until "
    "INTEGER NOT NULL, park INTEGER NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS conditions (key TEXT NOT NULL, type TEXT NOT NULL, status INTEGER "
    "NOT NULL, reason TEXT NOT NULL,"
    " generation INTEGER NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (key, type)) STRICT;"
    "CREATE TABLE IF NOT EXISTS notes (space TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT "
    "NULL, PRIMARY KEY (space, key)) STRICT;"
    "CREATE TABLE IF NOT EXISTS warnings (uuid TEXT PRIMARY KEY, type TEXT NOT NULL, entity TEXT "
    "NOT NULL, status TEXT NOT NULL,"
    " count INTEGER NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, updated "
    "INTEGER NOT NULL,"
    " message TEXT NOT NULL, UNIQUE (type, entity)) STRICT;";

static gboolean exec(Sql *db, const char *sql, GError **error)
{
    sqlite3 *handle = sql_handle(db);

    if (sqlite3_exec(handle, sql, NULL, NULL, NULL) != SQLITE_OK)
        return error_set(error, ERR_FAILED, "state database: %s", sqlite3_errmsg(handle));
    return TRUE;
}

json_t *store_object_to_json(const Object *object)
{
    return json_pack("{s:O, s:O, s:s}", "spec", object->spec, "generated", object->generated,
                     "owner", object->owner);
}

static Object *object_from_parts(const char *key, json_t *spec, json_t *generated,
                                 const char *owner)
{
    g_auto(GStrv) parts = g_strsplit(key, "/", 4);
    const Kind *kind = g_strv_length(parts) == 4 ? kind_by_name(parts[0]) : NULL;
    Object *object;

    if (kind == NULL || spec == NULL) {
        json_decref(spec);
        json_decref(generated);
        return NULL;
    }
    object = object_new(kind->id, parts[1], parts[2], parts[3], spec, generated);
    g_free(object->owner);
    object->owner = g_strdup(owner);
    return object;
}

Object *store_object_from_json(const char *key, const json_t *value)
{
    const char *owner = json_member_string(value, "owner");

    if (!json_is_object(value))
        return NULL;
    return object_from_parts(key, json_deep_copy(json_object_get(value, "spec")),
                             json_deep_copy(json_object_get(value, "generated")),
                             owner != NULL ? owner : "api");
}

/* Project default and profile default exist before anybody declares them (PJ-06, PF-09). */
static Snapshot *with_defaults(Snapshot *snapshot)
{
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    Snapshot *completed;

    if (snapshot_find(snapshot, KIND_PROJECT, "", "default") == NULL)
        g_ptr_array_add(missing, object_new(KIND_PROJECT, "", "", "default",
                                            json_pack("{s:{}}", "config"), NULL));
    if (snapshot_find(snapshot, KIND_PROFILE, "default", "default") == NULL)
        g_ptr_array_add(missing, object_new(KIND_PROFILE, "default", "", "default",
                                            json_pack("{s:{}, s:{}}", "config", "devices"), NULL));
    if (missing->len == 0)
        return snapshot;
    completed = snapshot_change(snapshot, missing, NULL);
    snapshot_unref(snapshot);
    return completed;
}

static gboolean read_data_version(Store *store, gint64 *ret_version, GError **error)
{
    g_autoptr(SqlStatement) statement = sql_prepare(store->db, error, "PRAGMA data_version", NULL);
    gboolean row;

    if (statement == NULL || !sql_next(statement, &row, error))
        return FALSE;
    *ret_version = sql_int(statement, 0);
    return TRUE;
}

gboolean store_may_wait(Store *store)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);

    return store->may_wait;
}

void store_set_may_wait(Store *store, gboolean may)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);

    store->may_wait = may;
}

static gboolean load(Store *store, GError **error)
{
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(SqlStatement) revision = NULL;
    g_autoptr(SqlStatement) statement = NULL;
    gboolean row;

    revision =
        sql_prepare(store->db, error, "SELECT value FROM meta WHERE name = 'revision'", NULL);
    if (revision == NULL || !sql_next(revision, &row, error))
        return FALSE;
    store->revision = row ? sql_int(revision, 0) : 0;
    store->may_wait = TRUE; /* another program may have made one wait */

    statement =
        sql_prepare(store->db, error,
                    "SELECT key, spec, generated, owner, created FROM objects ORDER BY key", NULL);
    if (statement == NULL || !read_data_version(store, &store->data_version, error))
        return FALSE;
    for (;;) {
        Object *object;

        if (!sql_next(statement, &row, error))
            return FALSE;
        if (!row)
            break;
        object =
            object_from_parts(sql_text(statement, 0), json_loads(sql_text(statement, 1), 0, NULL),
                              json_loads(sql_text(statement, 2), 0, NULL), sql_text(statement, 3));
        if (object == NULL)
            return error_set(error, ERR_FAILED,
                             "state database: object %s cannot be read by this build",
                             sql_text(statement, 0));
        object->created = sql_int(statement, 4);
        g_ptr_array_add(objects, object);
    }
    g_clear_pointer(&store->snapshot, snapshot_unref);
    store->snapshot = with_defaults(snapshot_change(NULL, objects, NULL));
    return TRUE;
}

static gboolean take_lock(Store *store, gboolean wait, GError **error)
{
    g_autofree char *path = g_build_filename(store->dir, "lock", NULL);

    if (store->lock_fd >= 0)
        return TRUE;
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return error_errno(error, errno, "open %s", path);
    while (flock(store->lock_fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) != 0) {
        int failure = errno;

        if (failure == EINTR)
            continue;
        store_release(store);
        if (failure == EWOULDBLOCK)
            return error_set(error, ERR_BUSY,
                             "another berth program is changing %s; try again when it is done",
                             store->dir);
        return error_errno(error, failure, "lock %s", path);
    }
    return TRUE;
}

gboolean store_take(Store *store, gboolean wait, gboolean *ret_changed, GError **error)
{
    *ret_changed = FALSE;
    if (!take_lock(store, wait, error))
        return FALSE;
    if (store_refresh(store, ret_changed, error))
        return TRUE;
    store_release(store);
    return FALSE;
}

void store_release(Store *store)
{
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    store->lock_fd = -1;
}

GRecMutexLocker *store_hold(Store *store)
{
    return g_rec_mutex_locker_new(&store->mutex);
}

static gboolean check_format(Store *store, GError **error)
{
    g_autoptr(SqlStatement) statement =
        sql_prepare(store->db, error, "SELECT value FROM meta WHERE name = 'format'", NULL);
    gboolean row;

    if (statement == NULL || !sql_next(statement, &row, error))
        return FALSE;
    if (row && sql_int(statement, 0) > STORE_FORMAT)
        return error_set(error, ERR_FAILED,
                         "%s was written by a newer berth (format %" G_GINT64_FORMAT
                         "); upgrade berth",
                         store->dir, sql_int(statement, 0));
    return row || sql_run(store->db, error, "INSERT INTO meta VALUES ('format', ?1)", "i",
                          (gint64)STORE_FORMAT);
}

/* A store that its first writer has not filled with tables yet is an empty one. */
static gboolean open_for_reading(Store *store, GError **error)
{
    g_autoptr(SqlStatement) statement = NULL;
    gboolean row;

    if (!exec(store->db, "PRAGMA query_only = 1", error))
        return FALSE;
    statement =
        sql_prepare(store->db, error, "SELECT 1 FROM sqlite_master WHERE name = 'meta'", NULL);
    if (statement == NULL || !sql_next(statement, &row, error))
        return FALSE;
    if (row)
        return load(store, error);
    g_clear_pointer(&statement, sql_statement_free);
    g_clear_pointer(&store->db, sql_free);
    store->snapshot = with_defaults(snapshot_new());
    return TRUE;
}

static gboolean open_database(Store *store, gboolean write, GError **error)
{
    g_autofree char *path = g_build_filename(store->dir, "berth.db", NULL);
    sqlite3 *handle;
    int opened;

    g_clear_pointer(&store->snapshot, snapshot_unref);
    if (!write && !file_exists(path)) {
        store->snapshot = with_defaults(snapshot_new());
        return TRUE;
    }
    if (write) { /* config may hold secrets: nobody else reads it */
        /* Never one that is there: by closing it, this process would give up the locks that other
         * connections of it hold, whose write-ahead log another program would then take away. */
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0 && errno != EEXIST)
            return error_errno(error, errno, "make %s", path);
        if (fd >= 0)
            close(fd);
    }
    /* A reader of a WAL database needs the shared memory file, so it opens for writing where it
     * may. */
    opened = sqlite3_open_v2(
        path, &handle, write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE,
        NULL);
    store->db = sql_new(handle);
    if (opened != SQLITE_OK)
        return error_set(error, errno == EACCES ? ERR_PERMISSION : ERR_FAILED, "open %s: %s", path,
                         sqlite3_errmsg(handle));
    sqlite3_busy_timeout(handle, 10000);
    if (!write)
        return open_for_reading(store, error);
    if (!exec(store->db,
              "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = 1; PRAGMA cache_size = -" CACHE_KIB,
              error))
        return FALSE;
    return exec(store->db, "BEGIN IMMEDIATE", error) && exec(store->db, SCHEMA, error) &&
           check_format(store, error) && exec(store->db, "COMMIT", error) && load(store, error);
}

gboolean store_refresh(Store *store, gboolean *ret_changed, GError **error)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);
    gint64 version;

    *ret_changed = FALSE;
    if (store->db == NULL) { /* there was none yet */
        if (!open_database(store, FALSE, error))
            return FALSE;
        *ret_changed = store->db != NULL;
        return TRUE;
    }
    if (!read_data_version(store, &version, error))
        return FALSE;
    *ret_changed = version != store->data_version;
    return !*ret_changed || load(store, error);
}

Store *store_open(const char *dir, gboolean write, gboolean wait, GError **error)
{
    g_autoptr(Store) store = g_new0(Store, 1);

    g_rec_mutex_init(&store->mutex);
    store->dir = g_strdup(dir);
    store->lock_fd = -1;
    /* 0711: instances' processes look up their own files below it (DESIGN 5). */
    if (write && (!file_make_directory(dir, 0711, error) || !take_lock(store, wait, error)))
        return NULL;
    if (!open_database(store, write, error))
        return NULL;
    return g_steal_pointer(&store);
}

Store *store_of_model(const Snapshot *model, GError **error)
{
    g_autoptr(Store) store = g_new0(Store, 1);
    sqlite3 *handle;
    int opened;

    g_rec_mutex_init(&store->mutex);
    store->lock_fd = -1;
    store->snapshot = snapshot_ref(model);
    opened = sqlite3_open(":memory:", &handle);
    store->db = sql_new(handle);
    if (opened != SQLITE_OK) {
        error_set(error, ERR_FAILED, "state database in memory: %s", sqlite3_errmsg(handle));
        return NULL;
    }
    return exec(store->db, SCHEMA, error) ? g_steal_pointer(&store) : NULL;
}

void store_close(Store *store)
{
    if (store == NULL)
        return;
    g_clear_pointer(&store->snapshot, snapshot_unref);
    sql_free(store->db);
    store_release(store);
    g_rec_mutex_clear(&store->mutex);
    g_free(store->dir);
    g_free(store);
}

Sql *store_database(Store *store)
{
    return store->db;
}

const Snapshot *store_snapshot(Store *store)
{
    return store->snapshot;
}

Snapshot *store_ref_snapshot(Store *store)
{
    g_autoptr(GRecMutexLocker) held = store_hold(store);

    return snapshot_ref(store->snapshot);
}

gint64 store_revision(Store *store)
{
    return store->revision;
}

gboolean store_begin(Store *store, gboolean durable, GError **error)
{
    g_rec_mutex_lock(&store->mutex);
    if (exec(store->db, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
             error) &&
        exec(store->db, "BEGIN IMMEDIATE", error))
        return TRUE;
    g_rec_mutex_unlock(&store->mutex);
    return FALSE;
}

gboolean store_end(Store *store, gboolean keep, GError **error)
{
    gboolean ended = exec(store->db, keep ? "COMMIT" : "ROLLBACK", error);

    if (!ended && keep)
        exec(store->db, "ROLLBACK", NULL);
    g_rec_mutex_unlock(&store->mutex);
    return ended;
}

/* A commit of runtime facts alone leaves the model as it is. */
static gboolean changes_objects(const Commit *commit)
{
    return commit->put->len > 0 || commit->remove->len > 0;
}

/* Where fields were written is kept in a table from now on: a later change that does not come from
 * this file must not be taken for one that does. Nobody else has the object yet. */
static void forget_file(Object *object)
{
    g_clear_pointer(&object->file, g_free);
    g_clear_pointer(&object->origins, g_array_unref);
}

void store_publish(Store *store, const Commit *commit)
{
    Snapshot *next;

    if (!changes_objects(commit))
        return;
    for (guint i = 0; i < commit->put->len; i++)
        forget_file(commit->put->pdata[i]);
    next = with_defaults(snapshot_change(store->snapshot, commit->put, commit->remove));
    snapshot_unref(store->snapshot);
    store->snapshot = next;
    store->revision++;
}
