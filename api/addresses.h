/* The host's own addresses, as other machines know them. */
#pragma once

#include <glib.h>

/* IPv4 and IPv6 addresses of this host that are neither loopback, link-local nor multicast, as
 * text. Of char *. */
GPtrArray *addresses_of_host(void);

/* Where a listener at "HOST:PORT" can be reached: itself, or for a wildcard each of the host's
 * addresses with that port. Of char *. */
GPtrArray *addresses_of_listener(const char *address);
