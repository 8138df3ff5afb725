/* Instances with the host: started when the daemon comes up, stopped when the host goes down
 * (OPS-82..85, OPS-92). Both block; any thread but the main one. */
#pragma once

#include "daemon.h"

/* Starts what is to run, in order of boot.autostart.priority (OPS-83). */
void host_power_up(Daemon *daemon);

/* Ends operations (unless `force`), then stops all instances by boot.stop.priority: cleanly, by
 * force after boot.host_shutdown_timeout. They come back with the host. */
void host_power_down(Daemon *daemon, gboolean force);
