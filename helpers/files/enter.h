/* The way into an instance, and what is left behind on it. */
#pragma once

#include "files/request.h"

/* Becomes root in the instance's namespaces (all but that of processes), or, while it does not run,
 * of a mount namespace whose only mount is its root directory. Nothing of the host can be reached
 * by a path any more. */
gboolean files_enter(const Request *request, GError **error);

/* From here on few capabilities, no new privileges, limits, and an allow list of system calls. */
gboolean files_confine(GError **error);
