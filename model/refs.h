/* What an object refers to, from the rows that say so (Row.ref): the edges of the graph that orders every plan (EN-23). */
#pragma once

#include "snapshot.h"

/* One reference, before it is resolved. */
typedef struct {
    KindId kind;
    const char *name; /* borrowed from the spec */
    char *path;       /* field that holds it: "devices/eth0/network" */
} Reference;

/* All references that an object's own spec holds; for lists and comma lists one each. Newly allocated. */
GArray *refs_of_spec(const Object *object);

/* The object that a reference means, seen from `object`: by name, for images also by alias or fingerprint. Borrowed; NULL when it is
 * missing. */
const Object *refs_resolve(const Snapshot *snapshot, const Object *object, const Reference *reference);

/* Keys of all objects in `snapshot` that `object` needs: its references, those of its profiles' devices that are in force, its
 * project, its `after`. Without duplicates; newly allocated strings. */
GPtrArray *refs_keys(const Snapshot *snapshot, const Object *object);

/* A certificate by its fingerprint or the beginning of one that no other has (AUTH-19), as openssl writes it too. Borrowed; NULL when
 * there is none. `ret_matches` says how many begin so. */
const Object *refs_find_certificate(const Snapshot *snapshot, const char *prefix, guint *ret_matches);

/* An image of a project by name, alias or unique fingerprint prefix (IMG-001). Borrowed; NULL when there is none. */
const Object *refs_find_image(const Snapshot *snapshot, const char *project, const char *name);
