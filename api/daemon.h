/* What the parts of berthd share. Made by daemon_new, immutable afterwards but for what has a lock
 * or an atomic of its own. */
#pragma once

#include "engine.h"
#include "events.h"
#include "http/server.h"
#include "listeners.h"
#include "operation.h"
#include "throttle.h"

typedef struct Alarm Alarm;
typedef struct Conditions Conditions;
typedef struct ImageTimer ImageTimer;
typedef struct Keeper Keeper;
typedef struct Notifier Notifier;
typedef struct SourceControl SourceControl;

typedef enum { DAEMON_STARTING, DAEMON_READY, DAEMON_STOPPING } DaemonPhase;

typedef struct {
    char *dir;
    Host *host;
    Engine *engine;
    GMainContext *context; /* of the main thread: streams, timers, signals */
    Events *events;
    Operations *operations;
    GThreadPool *workers;    /* for requests that may wait */
    GThreadPool *background; /* for what the context must not wait for; see context.h */
    GMutex following;        /* the listeners are made to fit the model, or end */
    HttpServer *http;
    Listeners *listeners;   /* for other machines */
    SourceControl *sources; /* NULL before the daemon is up */
    Throttle *guesses;      /* of secrets, by what they open and address */
    Conditions *conditions;
    Notifier *notifier; /* of conditions */
    Keeper *keeper;     /* sees to it that the host stays as it is stored */
    Alarm *deadlines;   /* of deadlines.h */
    Alarm *commands;    /* of exec_session.h */
    ImageTimer *images; /* images by the clock */
    GMainLoop *loop;    /* of the context; its end is the daemon's */
    gint phase;         /* DaemonPhase; atomic */
    gint whole;         /* pools and networks are available that were not at the start; atomic */
    gint64 started;     /* microseconds since the epoch */
} Daemon;

/* Opens the state directory, undoes what a crash left, and makes everything but the listeners. */
Daemon *daemon_new(const char *dir, GError **error);
/* Listeners, then requests under way, then operations, then the engine. */
void daemon_free(Daemon *daemon);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Daemon, daemon_free)

/* Has the daemon itself do what the committed model says of it: where it listens. What cannot be
 * done is logged. */
void daemon_follow_model(Daemon *daemon);

/* Plans and carries out one change on behalf of `caller` (NULL: berth itself), and tells what was
 * done as lifecycle events in the order of commits. `cause` is for history. `cancel` may be NULL.
 */
gboolean daemon_transact(Daemon *daemon, const Caller *caller, const char *cause,
                         volatile gint *cancel, PlanFunction make, void *data, GError **error);

/* The same with all that an apply can be told, and what came of it; `options->committed` is not
 * looked at. See engine_transact. */
gboolean daemon_apply(Daemon *daemon, const Caller *caller, const ApplyOptions *options,
                      PlanFunction make, void *data, Plan **ret_plan, ApplyResult *ret_result,
                      GError **error);
