/* What the keeper does with objects that are to be looked at: see, say, put right. In a worker
 * thread; it may wait. */
#pragma once

#include "conditions.h"
#include "keeper.h"
#include "queue.h"

typedef struct {
    Daemon *daemon;
    Conditions *conditions;
    GMutex mutex;
    GHashTable *rounds;    /* key -> how often an instance was found gone, to be sure of it */
    KeeperFigures figures; /* under `mutex` */
} Look;

/* What came of one object. Returns in how many microseconds it is tried again; 0: not at all. */
typedef gint64 (*LookResult)(void *data, const char *key, QueueResult result);

/* `keys` of char *: those that are due together are planned together, so that what others stand on
 * is put right first. */
void look_at(Look *look, const GPtrArray *keys, LookResult done, void *data);
