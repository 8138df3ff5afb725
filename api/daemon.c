#include "daemon.h"

#include <string.h>

#include "alarm.h"
#include "call.h"
#include "conditions.h"
#include "context.h"
#include "deadlines.h"
#include "error.h"
#include "exec_session.h"
#include "image_timer.h"
#include "keeper.h"
#include "lifecycle.h"
#include "log.h"
#include "notifier.h"
#include "source_control.h"
#include "warning.h"

/* Wrong signatures of webhooks that one address may send to one source within a minute. */
#define GUESSES 10
#define GUESSES_WINDOW (60 * G_USEC_PER_SEC)
#define WORKERS 64 /* requests that wait at a time: for locks of each other, mostly */

static void work(gpointer data, gpointer user_data)
{
    g_autoptr(Call) call = data;

    call_run(call);
}

Daemon *daemon_new(const char *dir, GError **error)
{
    g_autoptr(Daemon) daemon = g_new0(Daemon, 1);

    g_mutex_init(&daemon->following);
    daemon->dir = g_strdup(dir);
    daemon->started = g_get_real_time();
    daemon->context = g_main_context_ref(g_main_context_default());
    daemon->loop = g_main_loop_new(daemon->context, FALSE);
    daemon->host = host_real_new(dir);
    daemon->engine = engine_open(daemon->host, ENGINE_SHARES, error);
    if (daemon->engine == NULL)
        return NULL;
    daemon->events = events_new(daemon->context);
    log_to_events(daemon->events);
    daemon->guesses = throttle_new(GUESSES, GUESSES_WINDOW);
    daemon->operations = operations_new(daemon->context, daemon->events);
    daemon->workers = g_thread_pool_new(work, NULL, WORKERS, FALSE, NULL);
    daemon->background = context_workers();
    daemon->conditions = conditions_new(daemon);
    daemon->notifier = notifier_new(daemon);
    daemon->images = image_timer_new(daemon);
    daemon->deadlines = deadlines_new(daemon);
    daemon->commands = commands_new(daemon);
    conditions_listen(daemon->conditions, notifier_tell, daemon->notifier);
    return g_steal_pointer(&daemon);
}

void daemon_free(Daemon *daemon)
{
    HttpServer *http;

    if (daemon == NULL)
        return;
    /* What still runs in threads follows the model no more. */
    g_mutex_lock(&daemon->following);
    http = g_steal_pointer(&daemon->http);
    g_mutex_unlock(&daemon->following);
    http_server_free(http);
    if (daemon->workers != NULL)
        g_thread_pool_free(daemon->workers, FALSE, TRUE);
    source_control_stop(daemon->sources);
    if (daemon->background != NULL)
        g_thread_pool_free(daemon->background, FALSE, TRUE);
    operations_free(daemon->operations);
    keeper_free(daemon->keeper);
    notifier_free(daemon->notifier);
    image_timer_free(daemon->images);
    alarm_free(daemon->deadlines);
    alarm_free(daemon->commands);
    conditions_free(daemon->conditions);
    source_control_free(daemon->sources);
    throttle_free(daemon->guesses);
    engine_close(daemon->engine);
    log_to_events(NULL);
    events_free(daemon->events);
    host_free(daemon->host);
    g_main_loop_unref(daemon->loop);
    g_main_context_unref(daemon->context);
    listeners_free(daemon->listeners);
    g_mutex_clear(&daemon->following);
    g_free(daemon->dir);
    g_free(daemon);
}

/* For whom a transaction runs. */
typedef struct {
    Daemon *daemon;
    const Caller *caller;
} Teller;

static void tell(void *data, const Plan *plan)
{
    const Teller *teller = data;

    lifecycle_of_plan(teller->daemon->events, plan, teller->caller);
}

void daemon_follow_model(Daemon *daemon)
{
    g_autoptr(Snapshot) model = engine_ref_stored(daemon->engine);
    g_autoptr(GError) error = NULL;

    {
        g_autoptr(GMutexLocker) held = g_mutex_locker_new(&daemon->following);

        if (daemon->http != NULL && !listeners_follow(daemon->listeners, model, &error))
            g_warning("the server does not listen as configured: %s", error->message);
    }
    alarm_follow(daemon->deadlines);
    image_timer_follow(daemon->images);
    source_control_follow(daemon->sources);
}

gboolean daemon_apply(Daemon *daemon, const Caller *caller, const ApplyOptions *options,
                      PlanFunction make, void *data, Plan **ret_plan, ApplyResult *ret_result,
                      GError **error)
{
    Teller teller = {daemon, caller};
    ApplyOptions whole = *options;
    g_autoptr(Plan) plan = NULL;

    gboolean done;

    if (caller != NULL && *caller->username != '\0')
        whole.user = caller->username;
    whole.committed = tell;
    whole.committed_data = &teller;
    done = engine_transact(daemon->engine, make, data, &whole, &plan, ret_result, error);
    if (done) {
        daemon_follow_model(daemon);
        warning_follow_plan(daemon, plan);
    }
    if (ret_plan != NULL)
        *ret_plan = g_steal_pointer(&plan);
    return done;
}

gboolean daemon_transact(Daemon *daemon, const Caller *caller, const char *cause,
                         volatile gint *cancel, PlanFunction make, void *data, GError **error)
{
    const ApplyOptions options = {.cause = cause, .cancel = cancel};
    g_auto(ApplyResult) result = {0};

    return daemon_apply(daemon, caller, &options, make, data, NULL, &result, error);
}
