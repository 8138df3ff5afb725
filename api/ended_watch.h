/* Instances that end without berth having asked: their hook leaves a fact (instance/ended.h), which
 * is watched for here. What ended before the daemon came up is taken note of as well. */
#pragma once

#include "daemon.h"

typedef struct EndedWatch EndedWatch;

/* In the main thread. */
EndedWatch *ended_watch_new(Daemon *daemon, GError **error);
void ended_watch_free(EndedWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EndedWatch, ended_watch_free)
