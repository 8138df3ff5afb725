/* The dnsmasq process of a network: starting, finding, telling and ending it (NET-BR-64). A process
 * counts only when its pid, its start time and the boot id are those of the record in
 * networks/NET/dnsmasq.pid. */
#pragma once

#include "host.h"

/* The fact as it is; {"running": false} for one that was started, but has no record; NULL without
 * an error when there is none. New reference. */
json_t *server_observe(const char *dir, const char *network, GError **error);

/* The ensure of the fact "dnsmasq". The folder of the network must be there. */
gboolean server_ensure(Host *host, const Step *step, GError **error);

/* Whether the server runs that the record tells of. */
gboolean server_is_running(const char *dir, const char *network);

/* Makes a running server read its host files again; none running is success. */
gboolean server_reload(const char *dir, const char *network, GError **error);

/* The last part of an object's key. Borrowed from it. */
const char *server_network_of(const char *key);
