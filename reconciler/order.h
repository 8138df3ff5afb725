/* The order of objects: what is referred to comes first (EN-23). Pure. */
#pragma once

#include "snapshot.h"

typedef struct {
    GPtrArray *keys;   /* of char *: sorted, referenced first; ties by kind, then key */
    GHashTable *rank;  /* key -> position + 1 (GUINT) */
    GHashTable *needs; /* key -> GPtrArray of keys among the set that it refers to */
} Order;

/* Orders `keys`: by the references that an object has in `next`, or in `base` when it is only
 * there. NULL with ERR_INVALID that prints the path of a cycle. */
Order *order_new(const Snapshot *base, const Snapshot *next, const GPtrArray *keys, GError **error);
void order_free(Order *order);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Order, order_free)

/* Position of a key; G_MAXUINT when it is not in the order. */
guint order_rank(const Order *order, const char *key);
