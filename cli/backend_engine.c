/* The engine in this process, on a state directory. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "backend_engine.h"
#include "deadline_watch.h"
#include "error.h"
#include "fingerprint.h"
#include "instance/exec.h"
#include "look.h"
#include "output.h"
#include "state_watch.h"
#include "wish.h"

static void local_free(Backend *backend)
{
    InProcess *local = (InProcess *)backend;

    state_watch_free(local->watch);
    engine_close(local->engine);
    host_free(local->host);
    g_free(local);
}

static Snapshot *local_model(Backend *backend, GError **error)
{
    return engine_ref_stored(engine_of(backend));
}

static gboolean local_watch(Backend *backend, GError **error)
{
    InProcess *local = (InProcess *)backend;
    gboolean changed;

    local->watch = state_watch_new(backend->place, error);
    return local->watch != NULL && engine_refresh(local->engine, &changed, error);
}

static gboolean local_wait(Backend *backend, guint tick, gboolean *ret_wanted, GError **error)
{
    InProcess *local = (InProcess *)backend;
    gboolean changed;

    *ret_wanted = state_watch_wait(local->watch, (int)tick);
    return engine_refresh(local->engine, &changed, error);
}

static json_t *local_observe(Backend *backend, const GPtrArray *objects, GError **error)
{
    return look_at_objects(engine_of(backend), objects);
}

/* ---- plans ---- */

static gboolean local_plan(Backend *backend, Proposal *proposal, GError **error)
{
    g_autoptr(Wish) wish = wish_of_input(proposal->wish, proposal->input);

    proposal->plan = wish_plan(engine_of(backend), wish, error);
    if (proposal->plan == NULL)
        return FALSE;
    proposal->shown = wish_shown(engine_of(backend), wish, proposal->plan, error);
    return proposal->shown != NULL;
}

/* Set by the signal handler; the engine looks at `cancel`. */
static volatile gint cancel;
static volatile sig_atomic_t cancel_signal;

static void on_signal(int number)
{
    static const char first[] = "\nberth: interrupted; undoing what was done\n";
    static const char again[] = "\nberth: still undoing; please wait\n";
    int before = errno; /* of what was interrupted */
    ssize_t ignored;

    if (cancel == 0)
        ignored = write(STDERR_FILENO, first, sizeof(first) - 1);
    else
        ignored = write(STDERR_FILENO, again, sizeof(again) - 1);
    (void)ignored;
    if (cancel_signal == 0)
        cancel_signal = number;
    cancel = 1;
    errno = before;
}

static void catch_signals(gboolean on)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on ? on_signal : SIG_DFL};

    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++) {
        struct sigaction present;

        /* What the caller ignores stays ignored (nohup). */
        if (sigaction(numbers[i], NULL, &present) == 0 && present.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

volatile gint *engine_signals_begin(void)
{
    cancel = 0;
    cancel_signal = 0;
    catch_signals(TRUE);
    return &cancel;
}

int engine_signals_end(void)
{
    catch_signals(FALSE);
    return cancel_signal;
}

/* Whether it makes an environment that ends by itself, or moves the end of one. */
static gboolean has_lease(const Plan *plan)
{
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = plan->objects->pdata[i];

        if (object->wanted != NULL && object->wanted->id.kind == KIND_ENVIRONMENT &&
            object->action != ACTION_NONE &&
            json_object_get(object->wanted->spec, "expires_at") != NULL)
            return TRUE;
    }
    return FALSE;
}

/* Nobody else writes while this process holds the state lock: a plan stays what it is. */
static gboolean local_apply(Backend *backend, const Proposal *proposal, gboolean exactly,
                            const ApplyOptions *options, ApplyResult *ret_result, int *ret_signal,
                            GError **error)
{
    ApplyOptions whole = *options;
    gboolean done;

    whole.cancel = engine_signals_begin();
    done = engine_apply(engine_of(backend), proposal->plan, &whole, ret_result, error);
    *ret_signal = engine_signals_end();
    if (done && ret_result->revert_at != 0)
        deadline_watch_start(backend->place, DEADLINE_CONFIRM);
    else if (done && has_lease(proposal->plan))
        deadline_watch_start(backend->place, DEADLINE_LEASE);
    return done;
}

/* ---- the rest ---- */

static json_t *local_history(Backend *backend, GError **error)
{
    return engine_history(engine_of(backend), error);
}

static json_t *local_generation(Backend *backend, gint64 number, GError **error)
{
    return engine_generation(engine_of(backend), number, error);
}

static json_t *local_diff(Backend *backend, gint64 from, gint64 to, GError **error)
{
    return engine_diff(engine_of(backend), from, to, error);
}

static json_t *local_origin(Backend *backend, const char *key, const char *path)
{
    return engine_origin(engine_of(backend), key, path);
}

static json_t *local_conditions(Backend *backend, GError **error)
{
    return engine_conditions(engine_of(backend), NULL, error);
}

static json_t *local_parked(Backend *backend, GError **error)
{
    return engine_parked(engine_of(backend), error);
}

static gboolean local_purge(Backend *backend, const char *key, gboolean all, guint *ret_count,
                            GError **error)
{
    return engine_purge(engine_of(backend), key, all, ret_count, error);
}

static gboolean local_confirm(Backend *backend, gint64 number, GError **error)
{
    return engine_confirm(engine_of(backend), number, error);
}

static gboolean local_own(Backend *backend, const GPtrArray *keys, const char *owner,
                          GError **error)
{
    return engine_own(engine_of(backend), keys, owner, error);
}

static json_t *local_fingerprint(Backend *backend, GError **error)
{
    return fingerprint_make(engine_of(backend), error);
}

static gboolean local_exec(Backend *backend, const Object *object, const Program *program,
                           int *ret_status, GError **error)
{
    const ExecOptions options = {.env = program->env,
                                 .cwd = program->cwd,
                                 .in = STDIN_FILENO,
                                 .out = STDOUT_FILENO,
                                 .err = STDERR_FILENO,
                                 .terminal = program->terminal};

    return instance_exec(((InProcess *)backend)->host, object, program->argv, &options, ret_status,
                         error);
}

static const BackendClass CLASS = {
    .free = local_free,
    .model = local_model,
    .watch = local_watch,
    .wait = local_wait,
    .observe = local_observe,
    .plan = local_plan,
    .apply = local_apply,
    .history = local_history,
    .generation = local_generation,
    .diff = local_diff,
    .origin = local_origin,
    .conditions = local_conditions,
    .parked = local_parked,
    .purge = local_purge,
    .confirm = local_confirm,
    .own = local_own,
    .fingerprint = local_fingerprint,
    .source_state = in_process_source_state,
    .source_add = in_process_source_add,
    .source_suspend = in_process_source_suspend,
    .source_remove = in_process_source_remove,
    .source_sync = in_process_source_sync,
    .holds = in_process_holds,
    .hold = in_process_hold,
    .unhold = in_process_unhold,
    .exec = local_exec,
};

Backend *backend_engine(const char *dir, BackendFlags flags, GError **error)
{
    EngineFlags engine = (flags & BACKEND_WRITES) != 0 ? 0 : ENGINE_READ_ONLY;
    InProcess *local = g_new0(InProcess, 1);
    g_autoptr(Backend) backend = &local->base;

    if ((flags & BACKEND_NO_WAIT) != 0)
        engine |= ENGINE_NO_WAIT;
    if ((flags & BACKEND_SHARES) != 0)
        engine |= ENGINE_SHARES;
    backend->class = &CLASS;
    backend->place = g_strdup(dir);
    backend->is_local = TRUE;
    local->host = host_real_new(dir);
    local->engine = engine_open(local->host, engine, error);
    if (local->engine == NULL)
        return NULL;
    if (engine_recovered(local->engine) != NULL)
        message("%s", engine_recovered(local->engine));
    return g_steal_pointer(&backend);
}
