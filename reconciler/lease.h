/* Environments whose lease has ended (EN-51) go, with all that is in them: for whoever's clock says
 * so, the daemon's or that of a process which a command left behind. */
#pragma once

#include "engine.h"

/* When the next lease ends, in seconds since the epoch; of one that has ended: then. 0: none will.
 * Any thread. */
gint64 lease_next(Engine *engine);

/* Calls for each environment whose lease has ended, with what histories are to say of its end. */
typedef void (*LeaseFunction)(void *data, char *name, const char *cause);
void lease_each_ended(Engine *engine, LeaseFunction each, void *data);

/* The plan for its end, as a PlanFunction on its name: empty when it was renewed meanwhile. */
Plan *lease_make_end(Engine *engine, void *name, GError **error);

/* What was tried, and `failure`, NULL when all went well: FALSE with an error that says why the
 * environment is still there, if it is. */
gboolean lease_has_ended(Engine *engine, const char *name, const GError *failure, GError **error);

/* Ends them. One line each for people, or NULL. The first failure is the error; what failed stays
 * and is tried again, and its condition Stalled says why. See engine_transact. */
char *lease_end_due(Engine *engine, GError **error);
