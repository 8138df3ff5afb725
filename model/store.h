/* What is committed, on disk: objects, generations, parked data, conditions, and the tables of the
 * journal, in one SQLite file (WAL, STRICT tables). One berth program at a time writes; it holds
 * the state lock. */
#pragma once

#include "snapshot.h"
#include "sql.h"

typedef struct Store Store;

/* Opens the store below the state directory. With `write` the directory is made and the state lock
 * is taken: waited for when `wait`, else ERR_BUSY. Without it nothing is written and a store that
 * does not exist is an empty one. */
Store *store_open(const char *dir, gboolean write, gboolean wait, GError **error);
/* A store in memory that holds nothing but a model, at revision 0: for what is tried out. */
Store *store_of_model(const Snapshot *model, GError **error);
void store_close(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_close)

/* NULL for an empty read-only store. */
Sql *store_database(Store *store);

/* For a program that lives long beside others: gives the state lock back, and takes it again;
 * `ret_changed` says whether another program wrote meanwhile, and the snapshot is a new one. Taking
 * it twice is as taking it once. */
void store_release(Store *store);
gboolean store_take(Store *store, gboolean wait, gboolean *ret_changed, GError **error);
/* Reads what others committed, without the state lock. */
gboolean store_refresh(Store *store, gboolean *ret_changed, GError **error);

/* Runs a query and makes one JSON value of each row; [] for an empty read-only store. Parameters as
 * of sql_prepare. New reference. */
typedef json_t *(*RowFunction)(SqlStatement *statement);
json_t *store_rows(Store *store, RowFunction row, GError **error, const char *sql,
                   const char *types, ...);

/* FALSE: no generation waits for a confirmation. TRUE until somebody looked: pending.h. */
gboolean store_may_wait(Store *store);
void store_set_may_wait(Store *store, gboolean may);

/* Threads of one program share a store: whoever works with the database or with what is borrowed
 * holds it. Recursive. */
GRecMutexLocker *store_hold(Store *store);
/* The committed model, for a thread that keeps it. New reference. */
Snapshot *store_ref_snapshot(Store *store);

/* The committed model. Borrowed until the next commit. Project default and profile default are
 * always in it. */
const Snapshot *store_snapshot(Store *store);
/* Rises with each commit; 0 before the first. */
gint64 store_revision(Store *store);

/* One write of the database; the store is held from begin to end. `durable` waits for the disk at
 * the end (the fsynced records of DESIGN 4); otherwise the write survives a killed process but not
 * a power cut. */
gboolean store_begin(Store *store, gboolean durable, GError **error);
gboolean store_end(Store *store, gboolean keep, GError **error);

/* What a transaction commits. */
typedef struct {
    GPtrArray *put;    /* of Object *: new content */
    GPtrArray *remove; /* of char *: keys */
    const char *cause;
    const char *source;
    const char *result;    /* "done", "partial" */
    json_t *plan;          /* kept with the generation; may be NULL */
    const char *user;      /* who asked for it, where no file says it; may be NULL */
    const char *directory; /* of files whose names are not absolute; NULL: their names are kept */
    const json_t *notes;   /* see notes.h; written along; may be NULL */
    const char *revision;  /* of the repository that the files are of; NULL: of none */
} Commit;

/* Within store_begin: writes the objects and a new generation of what really changed. Runtime facts
 * make none: `ret_generation` is 0 when there are no objects (EN-46). */
gboolean store_commit(Store *store, const Commit *commit, gint64 *ret_generation, GError **error);
/* After a durable store_end: puts this commit's objects into the current snapshot. */
void store_publish(Store *store, const Commit *commit);

/* Where the fields of an object were written (origins.h); NULL when that is not known. New
 * reference. */
json_t *store_origins(Store *store, const char *key);

/* {"spec", "generated", "owner"} of an object, as stored with generations. New reference. */
json_t *store_object_to_json(const Object *object);
/* The reverse; NULL when `value` is NULL or null. */
Object *store_object_from_json(const char *key, const json_t *value);

/* Sets a condition of an object (EN-48); `status` FALSE removes it, but keeps Ready, which is
 * stored either way. */
gboolean store_set_condition(Store *store, const char *key, const char *type, gboolean status,
                             const char *reason, GError **error);
