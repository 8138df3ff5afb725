/* One object of the model: which one it is, what is wanted of it, what berth drew for it, who owns
 * it, where each field was written. Immutable once it is in a snapshot; reference counted,
 * references are atomic. */
#pragma once

#include "kind.h"

/* Names one object. All strings are owned by the id. */
typedef struct {
    KindId kind;
    char *project; /* "" for kinds outside projects */
    char *parent;  /* "" for kinds without a parent */
    char *name;    /* "" for singletons */
} ObjectId;

/* Where a field was written. */
typedef struct {
    char
        *path; /* "config/limits.memory", "devices/eth0/network", "name"; "" is the object itself */
    guint line, column; /* from 1; line 0: where its stored value was written, which stays */
    char *file;         /* NULL: the object's own */
    char *via; /* what else has a say in it, such as "variable size, declared at vars.yaml:3:3";
                  NULL: nothing */
} Origin;

struct Object {
    gatomicrefcount refs;
    ObjectId id;
    char *key;    /* "instance/default//web": kind/project/parent/name, unique in a snapshot */
    json_t *spec; /* what is wanted, canonical: fields by their rows, config and device values as
                   * strings, empty ones absent. `config` and `devices` are always there where the
                   * kind has them. */
    json_t *generated; /* drawn once: flat map of config-like keys ("ipv4.address",
                          "volatile.eth0.hwaddr") */
    gint64 created;    /* seconds since the epoch; 0 before its first commit */
    char *owner;       /* "file:NAME" or "api" (EN-43) */
    char *file; /* the file that most origins are in; NULL when the object does not come from a file
                 */
    GArray *origins; /* of Origin; NULL when unknown */
};

/* Frees what is in an Origin: clear function of an array of them. */
void origin_clear(gpointer data);

/* A new object with one reference. `spec` and `generated` are stolen (NULL generated becomes {}).
 */
Object *object_new(KindId kind, const char *project, const char *parent, const char *name,
                   json_t *spec, json_t *generated);
Object *object_ref(const Object *object);
void object_unref(Object *object);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Object, object_unref)

/* A copy with other content (borrowed: they are deep-copied); NULL keeps the old one's. Origins and
 * owner carry over. */
Object *object_with(const Object *object, const json_t *spec, const json_t *generated);

/* The object under another identity and with another spec (stolen); origins carry over, the owner
 * does not. */
Object *object_moved(const Object *object, const char *project, const char *name, json_t *spec);

/* Orders elements of a GPtrArray of Object * by key. */
int object_compare(const void *a, const void *b);

const Kind *object_kind(const Object *object);

/* "instance/web", or "instance/web (project p)" outside project default; "server" for the
 * singleton. Newly allocated. */
char *object_label(const Object *object);
/* The same from a key. */
char *object_key_label(const char *key);

/* Key of an object: kind/project/parent/name. Newly allocated. */
char *object_key(KindId kind, const char *project, const char *parent, const char *name);

/* config value: what the user set, else what was drawn, else NULL. Not the row's default. Borrowed.
 */
const char *object_config(const Object *object, const char *key);

/* The same, with the row's default as last resort. Borrowed. */
const char *object_config_or_default(const Object *object, const char *key);

/* "FILE:LINE:COLUMN" of a field, falling back to its nearest enclosing path; NULL when unknown.
 * Newly allocated. */
char *object_where(const Object *object, const char *path);

/* What else than the place of object_where() has a say in a field: a variable and where it is
 * declared, the overlaid file. NULL when nothing has. Borrowed. */
const char *object_via(const Object *object, const char *path);

/* Remembers where a field was written; only before the object is shared. */
void object_add_origin(Object *object, const char *path, guint line, guint column);
/* What the object has at `path` is not what its file says there, but what is stored. For objects
 * that nobody else has a reference to. */
void object_keep_origin(Object *object, const char *path);
