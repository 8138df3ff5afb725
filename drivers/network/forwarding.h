/* Forwarding of the host (NET-BR-26, 37, 63): switched on for networks that need it, and back
 * to how it was when the last of them goes. */
#pragma once

#include "host.h"

/* Those of the families that the network wants forwarded which the host does forward. New
 * reference. */
json_t *forwarding_observe(const Object *network);

/* The ensure of the fact "forwarding". */
gboolean forwarding_ensure(Host *host, const Step *step, GError **error);
