/* Network interfaces of the host that are no networks of berth's, as the API lists them beside
 * those that are: `managed` is false. */
#pragma once

#include "snapshot.h"

/* All but veth devices and what the model has: URLs, or with `whole` the objects. NULL with an
 * error. New reference. */
json_t *host_networks(const Snapshot *model, gboolean whole, GError **error);

/* One by its name; NULL when there is none. New reference. */
json_t *host_network(const char *name);
