/* Leases of NICs that are gone: the server forgets them, so that their addresses are free at once
 * (NET-BR-65). */
#pragma once

#include "host.h"

/* Makes the server of a network forget the IPv4 leases of a MAC address: a running one by a
 * DHCPRELEASE in the client's place, for it alone writes its file of leases; otherwise that file is
 * rewritten. Nothing to forget is success. A server that does not obey within a second is left
 * alone: the lease ends by itself. */
gboolean lease_release(const char *dir, const char *network, const char *mac, GError **error);
