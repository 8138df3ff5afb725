/* What berth has and LXD has not: plans, applies and generations over the API, and dry runs (EN-36,
 * EN-46). */
#include <string.h>

#include "answer.h"
#include "call.h"
#include "document.h"
#include "error.h"
#include "plan_options.h"

/* One request to plan: {"files": [{"name", "text"}], "vars": {NAME: VALUE}, "options": see
 * plan_options.h}. */
typedef struct {
    Input *input;
    json_t *options;
    char *cause;
    Daemon *daemon;
} Wish;

static void wish_free(gpointer data)
{
    Wish *wish = data;

    input_free(wish->input);
    json_decref(wish->options);
    g_free(wish->cause);
    g_free(wish);
}

static gboolean read_files(Wish *wish, const json_t *files, const json_t *vars, const char *project,
                           GError **error)
{
    g_autoptr(Problems) problems = problems_new();
    size_t i;
    json_t *file;

    if (!json_is_array(files))
        return error_set(error, ERR_INVALID,
                         "\"files\" is missing: a list of {\"name\", \"text\"}");
    if (vars != NULL && !input_give_json(wish->input, vars, error))
        return FALSE;
    json_array_foreach ((json_t *)files, i, file) {
        const char *name = json_member_string(file, "name");
        const json_t *text = json_object_get(file, "text");

        if (name == NULL || !json_is_string(text))
            return error_set(error, ERR_INVALID, "files[%zu] needs \"name\" and \"text\"", i);
        input_parse(wish->input, name, json_string_value(text), json_string_length(text), project,
                    problems);
    }
    input_check_given(wish->input, problems);
    return problems_to_error(problems, TRUE, error);
}

static Wish *read_wish(Call *call, GError **error)
{
    g_autoptr(json_t) body = call_body(call, error);
    const json_t *options = body != NULL ? json_object_get(body, "options") : NULL;
    Wish *wish;

    if (body == NULL)
        return NULL;
    wish = g_new0(Wish, 1);
    wish->daemon = call->daemon;
    wish->input = input_new();
    wish->options = json_is_object(options) ? json_incref((json_t *)options) : json_object();
    wish->cause = g_strdup("api apply");
    if (json_object_get(wish->options, "project") == NULL)
        json_object_set_new(wish->options, "project", json_string(call->project));
    if (read_files(wish, json_object_get(body, "files"), json_object_get(body, "vars"),
                   json_member_string(wish->options, "project"), error))
        return wish;
    wish_free(wish);
    return NULL;
}

static Plan *make_plan(Engine *engine, void *data, GError **error)
{
    const Wish *wish = data;
    g_auto(PlanOptions) options = {0};

    plan_options_read(wish->options, &options);
    return engine_plan(engine, wish->input, &options, error);
}

static gboolean plan(Call *call, GError **error)
{
    Wish *wish = read_wish(call, error);
    g_autoptr(Plan) made = NULL;

    if (wish == NULL)
        return FALSE;
    made = engine_look_ahead(call->daemon->engine, make_plan, wish, error);
    wish_free(wish);
    if (made == NULL)
        return FALSE;
    answer_plan(call->request, made);
    return TRUE;
}

static gboolean run_apply(Operation *operation, void *data, GError **error)
{
    Wish *wish = data;

    return daemon_transact(wish->daemon, operation_caller(operation), wish->cause,
                           operation_cancel_flag(operation), make_plan, wish, error);
}

static gboolean apply(Call *call, GError **error)
{
    Wish *wish = read_wish(call, error);
    Operation *operation;

    if (wish == NULL)
        return FALSE;
    operation = call_operation(call, OPERATION_TASK, "Applying state files");
    operation_may_cancel(operation, NULL, NULL);
    call_start(call, operation, run_apply, wish, wish_free);
    return TRUE;
}

static gboolean generations(Call *call, GError **error)
{
    json_t *history = engine_history(call->daemon->engine, error);
    json_t *urls;
    size_t i;
    json_t *generation;

    if (history == NULL)
        return FALSE;
    if (call->recursion > 0) {
        answer_sync(call->request, 200, history, NULL);
        return TRUE;
    }
    urls = json_array();
    json_array_foreach (history, i, generation)
        json_array_append_new(
            urls, json_sprintf("/1.0/generations/%" JSON_INTEGER_FORMAT,
                               json_integer_value(json_object_get(generation, "generation"))));
    json_decref(history);
    answer_sync(call->request, 200, urls, NULL);
    return TRUE;
}

static gboolean generation(Call *call, GError **error)
{
    json_t *found;
    guint64 number;

    if (!g_ascii_string_to_unsigned(call->words[0], 10, 1, G_MAXINT64, &number, NULL))
        return error_set(error, ERR_NOT_FOUND, "\"%s\" is not the number of a generation",
                         call->words[0]);
    found = engine_generation(call->daemon->engine, (gint64)number, error);
    if (found == NULL)
        return FALSE;
    answer_sync(call->request, 200, found, NULL);
    return TRUE;
}

static gboolean conditions(Call *call, GError **error)
{
    json_t *found = engine_conditions(call->daemon->engine, NULL, error);

    if (found == NULL)
        return FALSE;
    answer_sync(call->request, 200, found, NULL);
    return TRUE;
}

const Route ROUTES_BERTH[] = {
    {"POST", "plan", ACCESS_ADMIN, 0, plan},
    {"POST", "apply", ACCESS_ADMIN, 0, apply},
    {"GET", "generations", ACCESS_ADMIN, 0, generations},
    {"GET", "generations/*", ACCESS_ADMIN, 0, generation},
    {"GET", "conditions", ACCESS_ADMIN, 0, conditions},
    {0},
};
