/* Plans and applies over the API (EN-36): what the command's plan, apply, destroy, drift, rollback
 * and undelete are. */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "download.h"
#include "dry_run.h"
#include "error.h"
#include "wish.h"

#define CAUSE_MAX 200
#define TOLD_EVERY (G_USEC_PER_SEC / 20) /* progress that is told to listeners */

/* One request. */
typedef struct {
    Daemon *daemon;
    Wish *wish;
    char *cause;
    char *directory; /* of the client, for the names of its files; may be NULL */
    ApplyOptions options;
    Operation *operation; /* while it runs; borrowed */
    json_t *steps;        /* that nobody has been told of */
    gint64 told;
} Apply;

static void apply_free(gpointer data)
{
    Apply *apply = data;

    wish_free(apply->wish);
    json_decref(apply->steps);
    g_free(apply->cause);
    g_free(apply->directory);
    g_free(apply);
}

static gboolean plan(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    g_autoptr(Wish) wish = body != NULL ? wish_new(body, call->project, error) : NULL;
    g_autoptr(Plan) made = NULL;
    json_t *shown;

    if (wish == NULL)
        return FALSE;
    made = engine_look_ahead(call->daemon->engine, wish_plan, wish, error);
    shown = made != NULL ? wish_shown(call->daemon->engine, wish, made, error) : NULL;
    if (shown == NULL)
        return FALSE;
    answer_plan(call->request, shown);
    return TRUE;
}

/* {"keep_going", "no_wait": bool, "parallel", "timeout", "park_for", "confirm_within": seconds} */
static gboolean read_options(const json_t *value, ApplyOptions *ret, GError **error)
{
    json_int_t parallel = 0, timeout = 0, park = 0, confirm = 0;
    int keep_going = 0, no_wait = 0;
    json_error_t problem;

    if (value != NULL &&
        json_unpack_ex((json_t *)value, &problem, 0, "{s?b, s?b, s?I, s?I, s?I, s?I !}",
                       "keep_going", &keep_going, "no_wait", &no_wait, "parallel", &parallel,
                       "timeout", &timeout, "park_for", &park, "confirm_within", &confirm) != 0)
        return error_set(error, ERR_INVALID, "apply: %s", problem.text);
    if (parallel < 0 || parallel > G_MAXINT16 || timeout < 0 || park < 0 || confirm < 0)
        return error_set(error, ERR_INVALID, "apply: a number is out of range");
    *ret = (ApplyOptions){.keep_going = keep_going,
                          .no_wait = no_wait,
                          .parallel = (guint)parallel,
                          .timeout_seconds = timeout,
                          .confirm_seconds = confirm,
                          .park_seconds = park};
    return TRUE;
}

/* What histories say of it: the client's word, when it is one line. */
static gboolean read_cause(const json_t *body, char **ret, GError **error)
{
    const char *cause = json_member_string(body, "cause");

    if (cause == NULL)
        cause = "api apply";
    for (const char *p = cause; *p != '\0'; p++)
        if (g_ascii_iscntrl(*p) || p - cause >= CAUSE_MAX)
            return error_set(error, ERR_INVALID, "cause: one line of at most %d bytes", CAUSE_MAX);
    *ret = g_strdup(cause);
    return TRUE;
}

static void tell_steps(Apply *apply)
{
    if (json_array_size(apply->steps) > 0)
        operation_set_metadata(apply->operation,
                               json_pack("{s:O, s:n}", "steps", apply->steps, "fetch"));
    json_decref(apply->steps);
    apply->steps = json_array();
    apply->told = g_get_monotonic_time();
}

/* metadata.steps has the steps of the last moment: [[KEY, NAME, PATH, STATE, DONE, TOTAL, BYTES,
 * BYTES_TOTAL]]. */
static void on_step(void *data, const Step *step, StepState state, const ProgressCount *count)
{
    Apply *apply = data;

    json_array_append_new(apply->steps,
                          json_pack("[s, s, s, i, i, i, I, I]", step->key, step->name, step->path,
                                    (int)state, (int)count->done, (int)count->total,
                                    (json_int_t)count->bytes, (json_int_t)count->bytes_total));
    if (g_get_monotonic_time() - apply->told >= TOLD_EVERY)
        tell_steps(apply);
}

/* Beside LXD's words metadata.fetch has what a step has: [KEY, PART, DONE, ALL, SPEED]. */
static void on_fetch(void *data, const Object *object, const char *part, guint64 done, guint64 all,
                     guint64 speed)
{
    Apply *apply = data;
    g_autofree char *text = download_text(part, done, all, speed);

    operation_set_metadata(apply->operation,
                           json_pack("{s:s, s:[], s:[s, s, I, I, I]}", "download_progress", text,
                                     "steps", "fetch", object->key, part, (json_int_t)done,
                                     (json_int_t)all, (json_int_t)speed));
}

/* Clients that show nothing before learn of the plan by metadata.plan_hash and metadata.result; of
 * a failure by metadata.code, the word of its exit status. */
static gboolean run(Operation *operation, void *data, GError **error)
{
    Apply *apply = data;
    g_autoptr(Plan) made = NULL;
    g_autoptr(GError) failure = NULL;
    g_auto(ApplyResult) result = {0};
    json_t *outcome;
    gboolean done;

    apply->operation = operation;
    apply->steps = json_array();
    apply->options.cause = apply->cause;
    apply->options.directory = apply->directory;
    apply->options.cancel = operation_cancel_flag(operation);
    apply->options.progress = on_step;
    apply->options.fetching = on_fetch;
    apply->options.progress_data = apply;
    done = daemon_apply(apply->daemon, operation_caller(operation), &apply->options, wish_plan,
                        apply->wish, &made, &result, &failure);
    tell_steps(apply);
    /* What was told is not told again by the events of the end. */
    outcome = json_pack("{s:o, s:[]}", "result", apply_result_json(&result), "steps");
    if (made != NULL)
        json_object_set_new(outcome, "plan_hash", json_string(made->hash));
    if (failure != NULL)
        json_object_set_new(outcome, "code", json_string(error_word(failure)));
    operation_set_metadata(operation, outcome);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return done;
}

static gboolean apply(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    g_autofree char *cause = NULL;
    ApplyOptions options;
    Operation *operation;
    Apply *request;
    Wish *wish;

    if (body == NULL || !read_cause(body, &cause, error) ||
        !read_options(json_object_get(body, "apply"), &options, error))
        return FALSE;
    if (call_is_dry_run(call))
        return plan(call, error);
    wish = wish_new(body, call->project, error);
    if (wish == NULL)
        return FALSE;
    request = g_new0(Apply, 1);
    request->daemon = call->daemon;
    request->wish = wish;
    request->cause = g_steal_pointer(&cause);
    request->directory = g_strdup(json_member_string(body, "directory"));
    request->options = options;
    operation = call_operation(call, OPERATION_TASK, "Applying state files");
    operation_may_cancel(operation, NULL, NULL);
    call_start(call, operation, run, request, apply_free);
    return TRUE;
}

const Route ROUTES_APPLY[] = {
    {"POST", "plan", ACCESS_ADMIN, ROUTE_LARGE | ROUTE_DRY, plan},
    {"POST", "apply", ACCESS_ADMIN, ROUTE_LARGE | ROUTE_DRY, apply},
    {0},
};
