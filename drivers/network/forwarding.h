/* Forwarding of the host (NET-BR-26, 37, 63): switched on for networks that need it, never off
 * again, but put back by an undo. */
#pragma once

#include "host.h"

/* Those of the families that the network wants forwarded which the host does forward. New
 * reference. */
json_t *forwarding_observe(const Object *network);

/* How the host is: {"ipv4": bool, "ipv6": bool, "accept_ra": [interfaces with 1]}. New reference.
 */
json_t *forwarding_state(void);

gboolean forwarding_ensure(Host *host, const Step *step, GError **error);
