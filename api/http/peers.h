/* Who is connected to a server: how many connections each address has, and which addresses are
 * proxies that are believed. Any thread. */
#pragma once

#include <glib.h>

typedef struct Peers Peers;

/* `limit` is the number of connections that one address may have at a time. */
Peers *peers_new(guint limit);
void peers_free(Peers *peers);

/* IP addresses of proxies; a copy is taken. NULL: none. */
void peers_set_proxies(Peers *peers, const char *const *addresses);
/* `address` is "192.0.2.1:4711", as everywhere below; the port does not count. */
gboolean peers_is_proxy(Peers *peers, const char *address);

/* Whether one more connection of the address is let in. A proxy's own are not counted: those of its
 * clients are. */
gboolean peers_has_room(Peers *peers, const char *address);
/* Counts one more; FALSE, and not counted, when there is no room. */
gboolean peers_enter(Peers *peers, const char *address);
void peers_leave(Peers *peers, const char *address);
