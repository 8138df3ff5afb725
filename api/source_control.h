/* Keeps sources in force (EN-42): looks at each in its interval, when its directory changes, and
 * when a webhook says so. All of it lives in the daemon's context; what waits runs in a thread. A
 * source has one round under way at a time; a look beside it sees a new revision, which ends the
 * round of one that failed before. */
#pragma once

#include "daemon.h"

/* In the context. */
SourceControl *source_control_new(Daemon *daemon);
/* Ends what is under way: fetches at once, transactions by undoing them. */
void source_control_stop(SourceControl *control);
/* After the threads have ended. */
void source_control_free(SourceControl *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SourceControl, source_control_free)

/* The model may have changed: sources come, go, and have other fields. Any thread. */
void source_control_follow(SourceControl *control);

/* Looks at a source soon; several calls within a second are one. Any thread. */
void source_control_look(SourceControl *control, const char *name);
