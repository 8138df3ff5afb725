/* What berth-hook does when a container has stopped, whoever stopped it. */
#pragma once

#include <glib.h>

/* Called in the container's post-stop hook, which must return before the rest can happen: leaves a
 * fact, and a detached child that sweeps the run once its monitor is gone and starts the instance
 * again when it asked for a reboot. */
gboolean after_stop(const char *dir, const char *name, const char *key, gboolean reboot,
                    GError **error);
