/* The life of berthd with that of the host: what runs beside the main loop from its start to its
 * end. */
#pragma once

#include "daemon.h"

typedef struct HostLife HostLife;

/* In the main thread, once the daemon listens: watches for instances that end, brings up what is to
 * run, after which the daemon is ready, and takes SIGPWR for the host's going down, SIGTERM, SIGINT
 * and SIGQUIT for its own end (OPS-84..87); each of them quits daemon->loop. */
HostLife *host_life_new(Daemon *daemon, GError **error);
void host_life_free(HostLife *life);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostLife, host_life_free)
