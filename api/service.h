/* What a service manager such as systemd gives the daemon and wants to hear from it. */
#pragma once

#include <glib.h>

/* The listening sockets that were handed over (LISTEN_FDS), of int; empty when there are none. Asks
 * once: the environment is cleared, so that no child takes them for its own. */
GArray *service_sockets(void);

gboolean service_is_unix_socket(int fd);

/* Tells the manager, "READY=1"; nothing happens without one. */
void service_notify(const char *state);
