/* Other berth programs may change the same state directory while the daemon runs. Each holds the
 * file `lock` meanwhile; when one closes it, the daemon takes over what was committed, undoes what
 * a killed program left, and tells its listeners. */
#pragma once

#include "daemon.h"

typedef struct StoreWatch StoreWatch;

StoreWatch *store_watch_new(Daemon *daemon, GError **error);
void store_watch_free(StoreWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreWatch, store_watch_free)
