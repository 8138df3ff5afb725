/* Power of instances: what `PUT instances/NAME/state`, the start of the daemon, the shutdown of the
 * host and instances that end by themselves have in common. Blocks; any thread but the main one. */
#pragma once

#include "daemon.h"

typedef enum {
    POWER_START,
    POWER_STOP,
    POWER_RESTART,
    POWER_FREEZE,
    POWER_UNFREEZE,
    POWER_MAX
} PowerAction;

/* "start"; FALSE with an error for words that are no action. */
gboolean power_action_parse(const char *text, PowerAction *ret_action, GError **error);
/* "Starting instance": what operations are called. */
const char *power_action_title(PowerAction action);
/* Whether it means something to an instance in its present state (API-073). */
gboolean power_action_applies(Daemon *daemon, const Object *object, PowerAction action);

typedef struct {
    PowerAction action;
    gboolean force; /* a stop kills at once, also one that waits for a clean end already */
    gint64 timeout; /* seconds for a clean stop, after which it fails; -1: as long as it takes;
                       POWER_TIMEOUT_OF_INSTANCE */
    gboolean brief; /* a stop for the time that the host is down: it is to run again afterwards */
} PowerChange;

/* Carries an action out, tells listeners, and deletes an ephemeral instance that has stopped. An
 * action that means nothing in the present state is an error (as LXD says it). */
gboolean instance_power(Daemon *daemon, const Caller *caller, const char *key,
                        const PowerChange *change, GError **error);

/* The plan of an action, for a dry run. A restart is two transactions: the plan is of the first,
 * and says so in a warning. */
typedef struct {
    Daemon *daemon;
    const GPtrArray *keys; /* of char *: instances */
    const PowerChange *change;
    const char *by; /* username of who asks */
} PowerTry;

/* PlanFunction on a PowerTry. */
Plan *instance_power_plan(Engine *engine, void *data, GError **error);

/* Takes note that an instance has ended without berth: sweeps what the run left, remembers that it
 * is stopped, deletes it when it is ephemeral. Nothing happens when it runs again. `in_order`: it
 * shut itself down. */
gboolean instance_ended(Daemon *daemon, const char *key, gboolean in_order, GError **error);
