/* Which host ids the ids of a container are: maps of user and group ids, their places in the host's
 * own range, holes punched by raw.idmap (container-runtime.md RT-70..87, security.md SEC-30..43).
 * Pure, except for reading the host's range. */
#pragma once

#include "json.h"

/* Ids `inner` to `inner + size - 1` of the container are host ids from `outer` on. */
typedef struct {
    guint32 inner, outer, size;
} IdSpan;

typedef struct {
    GArray *uid, *gid; /* of IdSpan, by inner id, without overlap */
} IdMap;

/* RT-71: root and nobody must both exist. */
#define IDMAP_MIN_SIZE 65536u

IdMap *idmap_new(guint32 uid_base, guint32 uid_size, guint32 gid_base, guint32 gid_size);
void idmap_free(IdMap *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(IdMap, idmap_free)

/* Puts the lines of raw.idmap into the map: each takes its container ids out of the range around it
 * (RT-85..87). */
gboolean idmap_punch(IdMap *map, const char *raw, GError **error);

/* Adds the map as liblxc's items ["lxc.idmap", "u 0 1000000 65536"]. */
void idmap_add_items(const IdMap *map, json_t *items);

/* The host's range as {"uid": [base, size], "gid": [base, size]} from subuid and subgid files
 * (RT-73..77): root's first range of at least 65536 ids; the default range when root has no entry
 * at all, or the host has neither these files nor newuidmap and newgidmap. NULL when it has only
 * some of the four, the files are malformed or root's ranges are too small. New reference. */
json_t *idmap_host_ids(const char *subuid, const char *subgid, GError **error);

/* First fit for a range of `size` ids within [first, last] that leaves out `taken` (of IdSpan, only
 * outer and size count). FALSE when there is no room (RT-83). */
gboolean idmap_place(guint32 first, guint32 last, guint32 size, GArray *taken, guint32 *ret_base);
