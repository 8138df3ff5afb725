/* An immutable set of objects: the desired state at one moment. Building one copies pointers, never
 * objects. */
#pragma once

#include "object.h"

Snapshot *snapshot_new(void); /* empty */
Snapshot *snapshot_ref(const Snapshot *snapshot);
void snapshot_unref(Snapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Snapshot, snapshot_unref)

/* A new snapshot that is `base` with `objects` (of Object *) put in or replaced and `keys` (of char
 * *) taken out; either may be NULL. Objects are referenced. */
Snapshot *snapshot_change(const Snapshot *base, const GPtrArray *objects, const GPtrArray *keys);

/* Another number for each snapshot that this process ever had. */
guint64 snapshot_serial(const Snapshot *snapshot);

guint snapshot_size(const Snapshot *snapshot);
/* The object at a position in key order. Borrowed. */
const Object *snapshot_at(const Snapshot *snapshot, guint position);
const Object *snapshot_get(const Snapshot *snapshot,
                           const char *key); /* borrowed, NULL when absent */
const Object *snapshot_find(const Snapshot *snapshot, KindId kind, const char *project,
                            const char *name);

/* The project whose objects of `kind` are seen from `project`: itself, or "default" when the
 * feature is off (PJ-02). Borrowed;
 * "" for kinds outside projects. */
const char *snapshot_project_for(const Snapshot *snapshot, KindId kind, const char *project);

/* Finds what a name means when used inside `project`, by the project's features. Borrowed, NULL
 * when absent. */
const Object *snapshot_resolve(const Snapshot *snapshot, KindId kind, const char *project,
                               const char *name);

/* The positions of the objects of a kind in a project ("" for kinds outside projects): `*ret_first`
 * and the `*ret_count` from there. */
void snapshot_range(const Snapshot *snapshot, KindId kind, const char *project, guint *ret_first,
                    guint *ret_count);

/* Keys of objects that may mention a word of mentions.h, put into `keys` (a set of char *, owned by
 * the set). Some of them may be gone, or mention it no more. The first call for a snapshot reads
 * all its objects; those made from it by snapshot_change then only read what was put in. */
void snapshot_mentions(const Snapshot *snapshot, const char *word, GHashTable *keys);

/* Values were drawn for an object of a snapshot that nobody else has yet: what it mentions is read
 * again. */
void snapshot_read_again(const Snapshot *snapshot, const Object *object);

/* Calls `each` in key order for what differs between two snapshots: the object in each of them,
 * NULL where there is none. `before` may be NULL. Costs a comparison of pointers for what does not.
 */
typedef void (*SnapshotDifference)(const Object *before, const Object *after, void *data);
void snapshot_compare(const Snapshot *before, const Snapshot *after, SnapshotDifference each,
                      void *data);
