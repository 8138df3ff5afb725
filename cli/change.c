#include "change.h"

#include <signal.h>
#include <string.h>

#include "error.h"
#include "output.h"
#include "prompt.h"
#include "ready_wait.h"
#include "table.h"
#include "units.h"
#include "view.h"

/* Lists of OBJ in the JSON form; NULL stays absent. */
static void set_words(json_t *options, const char *key, char *const *words)
{
    json_t *list;

    if (words == NULL)
        return;
    list = json_array();
    for (guint i = 0; words[i] != NULL; i++)
        json_array_append_new(list, json_string(words[i]));
    json_object_set_new(options, key, list);
}

json_t *change_options(const Cli *cli, const char *owner, gboolean asked)
{
    const Arguments *args = cli->args;
    g_autofree char *selector = cli_selector(cli);
    static char *all[] = {(char *)"all", NULL};
    json_t *options =
        json_pack("{s:s, s:b, s:b, s:b, s:b}", "project", cli_project(cli), "prune", args->prune,
                  "adopt", args->adopt, "force", args->force, "refresh", args->refresh);

    if (owner != NULL)
        json_object_set_new(options, "set", json_string(owner));
    if (selector != NULL)
        json_object_set_new(options, "selector", json_string(selector));
    if (cli->changed != NULL)
        json_object_set(options, "keys", cli->changed);
    if (cli->policies != NULL)
        json_object_set(options, "policies", cli->policies);
    set_words(options, "only", args->only);
    set_words(options, "exclude", args->exclude);
    set_words(options, "allow_restart", args->allow_restart);
    set_words(options, "new_image", args->new_image);
    set_words(options, "no_park", args->no_park);
    set_words(options, "allow_replace",
              args->allow_replace == NULL && asked ? all : args->allow_replace);
    return options;
}

static gboolean read_duration(const char *option, const char *text, gint64 *ret, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (text == NULL || units_parse_duration(text, ret, &local))
        return TRUE;
    return error_set(error, ERR_USAGE, "%s %s: %s", option, text, local->message);
}

static gboolean read_apply_options(const Cli *cli, ApplyOptions *options, GError **error)
{
    if (cli->args->parallel < 0)
        return error_set(error, ERR_USAGE, "--parallel %d: give a number above 0",
                         cli->args->parallel);
    options->keep_going = cli->args->keep_going;
    options->parallel = (guint)cli->args->parallel;
    return read_duration("--timeout", cli->args->timeout, &options->timeout_seconds, error) &&
           read_duration("--park-for", cli->args->park_for, &options->park_seconds, error) &&
           read_duration("--confirm-within", cli->args->confirm_within, &options->confirm_seconds,
                         error);
}

/* `ready` of ready_wait; may be NULL. */
static void print_result_json(const Cli *cli, const Proposal *proposal, const ApplyResult *result,
                              const json_t *ready, const GError *error)
{
    g_autoptr(json_t) value =
        json_pack("{s:s, s:s}", "type", "result", "plan_hash", proposal_hash(proposal));
    g_autoptr(json_t) outcome = apply_result_json(result);
    g_autofree char *text = NULL;

    json_object_del(outcome, "warnings"); /* they are for people, on stderr */
    json_object_update(value, outcome);
    if (ready != NULL)
        json_object_update(value, (json_t *)ready);
    if (error != NULL) {
        json_object_set_new(value, "error", json_string(error->message));
        json_object_set_new(value, "exit_status", json_integer(error_exit_status(error)));
    }
    if (cli_format_is(cli, "json")) {
        text = json_pretty(value);
    } else {
        g_autofree char *line = json_text(value);

        text = g_strconcat(line, "\n", NULL);
    }
    output_text(text);
}

static void print_list(const char *title, const GPtrArray *strings)
{
    if (strings == NULL || strings->len == 0)
        return;
    message("%s", title);
    for (guint i = 0; i < strings->len; i++)
        message("  %s", (const char *)g_ptr_array_index(strings, i));
}

static void print_result_text(const ApplyResult *result)
{
    g_autofree char *generation =
        result->generation > 0
            ? g_strdup_printf("generation %" G_GINT64_FORMAT ", ", result->generation)
            : g_strdup("");

    if (result->generation > 0 || result->steps_done > 0)
        message("Done: %s%u step%s in %.2f s.", generation, result->steps_done,
                result->steps_done == 1 ? "" : "s", (double)result->milliseconds / 1000);
    if (result->revert_at != 0) {
        g_autoptr(json_t) time = json_integer(result->revert_at);
        g_autofree char *text = view_time(time);

        message("It is taken back at %s unless you confirm it: berth confirm %" G_GINT64_FORMAT,
                text, result->generation);
    }
    print_list("Changed by somebody else meanwhile (another apply puts it right):",
               result->drifted);
    print_list("Started again by the rollback:", result->restarted);
    print_list("Made anew by the rollback, without their data, which was deleted for good:",
               result->remade);
    print_list("Warnings:", result->warnings);
    print_list("Still pending, because it was not allowed (--allow-replace, --allow-restart):",
               result->pending);
}

static gboolean has_pending(const json_t *shown)
{
    const json_t *object;
    size_t i;

    json_array_foreach (json_at(shown, "plan/objects"), i, object)
        if (json_is_true(json_object_get(object, "pending")))
            return TRUE;
    return FALSE;
}

/* When --timeout is over, for ready_wait. */
static gint64 until_of(const ApplyOptions *options)
{
    if (options->timeout_seconds == 0)
        return 0;
    return g_get_monotonic_time() + options->timeout_seconds * G_USEC_PER_SEC;
}

/* Says what came of it, and waits for it where that was asked for. `failure` (stolen) is why
 * nothing came of it; NULL when it stands. */
static gboolean report(Cli *cli, const Proposal *proposal, const ApplyResult *result, gint64 until,
                       GError *failure, GError **error)
{
    g_autoptr(json_t) ready = NULL;

    if (cli_format_is(cli, "text"))
        print_result_text(result);
    if (failure == NULL && cli->args->wait && result->failed != NULL && result->failed->len > 0)
        message("Nothing is waited for, because some objects failed.");
    else if (failure == NULL && cli->args->wait)
        ready_wait(cli, proposal, until, &ready, &failure);
    if (!cli_format_is(cli, "text"))
        print_result_json(cli, proposal, result, ready, failure);
    if (failure != NULL)
        g_propagate_error(error, failure);
    return failure == NULL;
}

static gboolean apply(Cli *cli, const Proposal *proposal, gboolean exactly, ApplyOptions *options,
                      GError **error)
{
    gint64 until = until_of(options);
    int number = 0;
    g_auto(ApplyResult) result = {0};
    g_autoptr(GError) local = NULL;
    gboolean done;

    options->progress = progress_step;
    options->fetching = progress_fetch;
    options->progress_data = cli->progress;
    progress_begin(cli->progress);
    done = backend_apply(cli->backend, proposal, exactly, options, &result, &number, &local);
    progress_end(cli->progress);
    if (!done && g_error_matches(local, BERTH_ERROR, ERR_INTERRUPTED) && number == SIGTERM)
        cli->status = 128 + SIGTERM;
    if (!report(cli, proposal, &result, until, g_steal_pointer(&local), error))
        return FALSE;
    if (result.failed != NULL && result.failed->len > 0)
        cli->status = 5;
    else if (result.pending != NULL && result.pending->len > 0)
        cli->status = 10;
    return TRUE;
}

static void show_plan(const Cli *cli, const Proposal *proposal, gboolean asking)
{
    gboolean text = cli_format_is(cli, "text");
    g_autofree char *shown =
        plan_shown_text(proposal->shown, text ? output_colour() : message_colour());

    if (text && (asking || !output_is_quiet())) {
        output_text(shown);
    } else if (!text && cli->args->dry_run) {
        g_autofree char *pretty = json_pretty(json_object_get(proposal->shown, "plan"));

        output_text(pretty);
    } else if (asking) {
        message("%s", g_strchomp(shown));
    }
}

gboolean change_carry_out(Cli *cli, const Proposal *proposal, gboolean exactly,
                          const char *question, const char *cause, GError **error)
{
    gboolean empty = plan_shown_is_empty(proposal->shown);
    gboolean asking = question != NULL && !cli->args->yes && !cli->args->dry_run && !empty;
    g_autofree char *directory = g_get_current_dir();
    ApplyOptions options = {.cause = cause,
                            .user = g_get_user_name(),
                            .directory = directory,
                            .no_wait = cli->args->no_wait_lock};
    gboolean yes = TRUE;

    if (!read_apply_options(cli, &options, error))
        return FALSE;
    show_plan(cli, proposal, asking);
    if (!plan_shown_check(proposal->shown, error))
        return FALSE;
    if (cli->args->dry_run)
        return TRUE;
    if (empty && json_object_get(proposal->shown, "held") == NULL) {
        const ApplyResult nothing = {0};

        cli->status = has_pending(proposal->shown) ? 10 : 0;
        return report(cli, proposal, &nothing, until_of(&options), NULL, error);
    }
    if (asking) {
        if (!prompt_yes(question, !cli->args->no_input, &yes, error))
            return FALSE;
        if (!yes)
            return error_set(error, ERR_FAILED, "nothing was changed");
    }
    return apply(cli, proposal, exactly || asking, &options, error);
}

Proposal *change_plan(Cli *cli, const char *sort, json_t *value, json_t *options,
                      const Input *input, GError **error)
{
    json_t *wish = json_pack("{s:o}", "options", options);

    if (sort != NULL)
        json_object_set_new(wish, sort, value);
    return backend_plan(cli->backend, wish, input, error);
}

gboolean change_print_patch(const char *text, const json_t *left)
{
    const json_t *item;
    size_t i;

    output_text(text);
    json_array_foreach (left, i, item)
        message_warning("%s: a patch cannot say this; change it by hand", json_string_value(item));
    return *text != '\0' || json_array_size(left) > 0;
}
