/* Looking at a network on the host: the `observe` of NETWORK_DRIVER, and whose a link is. */
#pragma once

#include "host.h"
#include "link.h"

json_t *network_observe(Host *host, const Context *context, const Object *object, GError **error);

/* Whether a link is the object's, by its alias or because its making was interrupted. */
gboolean network_owns(const Link *link, const char *key);

/* Sets ERR_EXISTS for a network whose name somebody else's interface has. Returns FALSE. */
gboolean network_refuse(GError **error, const char *name);

/* What says of an interface that became a port of ours by NET-BR-03 that it did so by us. Newly
 * allocated. */
char *network_port_mark(const char *key);
