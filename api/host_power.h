/* Instances with the host: started when the daemon comes up, stopped when the host goes down
 * (OPS-82..85, OPS-92). All block; any thread but the main one. */
#pragma once

#include "daemon.h"

/* Puts pools and networks right, and starts what is to run, in order of boot.autostart.priority
 * (OPS-83). FALSE when a pool or network could not be put right; what is wrong is a warning. */
gboolean host_power_up(Daemon *daemon);
/* Tries that again. Once it is right, those are started that could not be because of it. */
gboolean host_power_up_again(Daemon *daemon);

/* Cancels operations that can be, waits for the others as long as core.shutdown_timeout says
 * (OPS-84). The daemon takes no new ones by then. */
void host_power_end_operations(Daemon *daemon);

/* Ends operations (unless `force`), then stops all instances by boot.stop.priority: cleanly, by
 * force after boot.host_shutdown_timeout. They come back with the host. */
void host_power_down(Daemon *daemon, gboolean force);
