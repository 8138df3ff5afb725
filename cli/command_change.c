/* plan, apply, destroy, drift: from files to the host. */
#include <string.h>

#include "change.h"
#include "error.h"
#include "output.h"
#include "saved.h"
#include "select.h"
#include "sources.h"
#include "table.h"

static void print_plan(const Cli *cli, const Plan *plan)
{
    g_autofree char *text = NULL;

    if (cli_format_is(cli, "json")) {
        g_autoptr(json_t) value = plan_json(plan);

        text = json_pretty(value);
    } else {
        text = plan_text(plan, output_colour());
    }
    output_text(text);
}

gboolean command_plan(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) paths = sources_paths(cli, cli->args->out != NULL, error);
    g_autofree char *owner = paths != NULL ? sources_owner(cli, paths, error) : NULL;
    g_autoptr(Input) input = NULL;
    g_autoptr(json_t) options = NULL;
    g_auto(PlanOptions) change = {0};
    g_autoptr(Plan) plan = NULL;

    if (owner == NULL)
        return FALSE;
    for (guint i = 0; cli->args->out != NULL && i < paths->len; i++)
        if (strcmp(g_ptr_array_index(paths, i), "-") == 0)
            return error_set(error, ERR_USAGE,
                             "--out needs files: standard input cannot be read again by apply");
    input = sources_read(cli, paths, cli->args->project, NULL, error);
    if (input == NULL || !cli_open(cli, ENGINE_READ_ONLY, error))
        return FALSE;
    /* What a person would be asked about. */
    options = change_options(cli, owner, TRUE);
    plan_options_read(options, &change);
    plan = engine_plan(cli->engine, input, &change, error);
    if (plan == NULL)
        return FALSE;
    print_plan(cli, plan);
    if (!change_check(plan, error))
        return FALSE;
    if (cli->args->out != NULL) {
        if (!saved_write(cli, cli->args->out, plan, paths, input, options, error))
            return FALSE;
        message("Saved. Carry it out with: berth apply %s", cli->args->out);
    }
    if (cli->args->detailed_exitcode && !plan_is_empty(plan))
        cli->status = 2;
    return TRUE;
}

/* Does the plan delete and remake anything? */
static gboolean plan_replaces(const Plan *plan)
{
    for (guint i = 0; i < plan->objects->len; i++) {
        const PlanObject *object = g_ptr_array_index(plan->objects, i);

        if (object->label == LABEL_REPLACE || object->label == LABEL_REBUILD)
            return TRUE;
    }
    return FALSE;
}

static gboolean apply_saved(Cli *cli, const json_t *saved, GError **error)
{
    g_autoptr(Plan) plan = saved_plan(cli, saved, error);

    if (plan == NULL)
        return FALSE;
    if (cli->args->yes && cli->args->allow_replace == NULL && plan_replaces(plan))
        return error_set(error, ERR_REFUSED,
                         "the plan deletes and remakes objects; -y alone does not allow that: add "
                         "--allow-replace all");
    return change_carry_out(cli, plan, "Apply this plan?", "cli apply", error);
}

gboolean command_apply(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) paths = sources_paths(cli, FALSE, error);
    g_autoptr(json_t) saved = NULL;
    g_autofree char *owner = NULL;
    g_autoptr(Input) input = NULL;
    g_autoptr(json_t) options = NULL;
    g_auto(PlanOptions) change = {0};
    g_autoptr(Plan) plan = NULL;

    if (paths == NULL)
        return FALSE;
    if (paths->len == 1 && !saved_read(g_ptr_array_index(paths, 0), &saved, error))
        return FALSE;
    if (saved != NULL)
        return apply_saved(cli, saved, error);
    owner = sources_owner(cli, paths, error);
    if (owner == NULL)
        return FALSE;
    input = sources_read(cli, paths, cli->args->project, NULL, error);
    if (input == NULL || !cli_open(cli, cli->args->dry_run ? ENGINE_READ_ONLY : 0, error))
        return FALSE;
    options = change_options(cli, owner, !cli->args->yes);
    plan_options_read(options, &change);
    plan = engine_plan(cli->engine, input, &change, error);
    if (plan == NULL)
        return FALSE;
    return change_carry_out(cli, plan, "Apply these changes?", "cli apply", error);
}

/* Keys of what is stored of the objects that the files declare. What belongs to another set is a
 * conflict (EN-43). */
static GPtrArray *declared_keys(Cli *cli, const Input *input, const char *owner, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = g_ptr_array_index(input->objects, i);
        const Object *stored = snapshot_get(engine_stored(cli->engine), object->key);

        if (stored == NULL)
            continue;
        if (!cli->args->adopt && strcmp(stored->owner, owner) != 0 &&
            strcmp(stored->owner, "api") != 0 &&
            (object_kind(stored)->flags & KIND_SINGLETON) == 0) {
            g_autofree char *label = object_label(stored);

            error_set(error, ERR_CONFLICT,
                      "%s belongs to %s; name that set with --set, or take it over with --adopt",
                      label, stored->owner);
            return NULL;
        }
        g_ptr_array_add(keys, g_strdup(stored->key));
    }
    return g_steal_pointer(&keys);
}

static GPtrArray *stored_keys(const Snapshot *stored)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < snapshot_size(stored); i++)
        g_ptr_array_add(keys, g_strdup(snapshot_at(stored, i)->key));
    return keys;
}

gboolean command_destroy(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) keys = NULL;
    g_autofree char *owner = NULL;
    g_autoptr(Input) input = NULL;
    g_autoptr(json_t) options = NULL;
    g_auto(PlanOptions) change = {0};
    g_autoptr(Plan) plan = NULL;

    if (cli->args->all && (cli->args->files != NULL || cli->words[0] != NULL))
        return error_set(error, ERR_USAGE, "give files or --all, not both");
    if (!cli->args->all) {
        g_autoptr(GPtrArray) paths = sources_paths(cli, FALSE, error);

        owner = paths != NULL ? sources_owner(cli, paths, error) : NULL;
        input = owner != NULL ? sources_read(cli, paths, cli->args->project, NULL, error) : NULL;
        if (input == NULL)
            return FALSE;
    }
    if (!cli_open(cli, cli->args->dry_run ? ENGINE_READ_ONLY : 0, error))
        return FALSE;
    keys = input != NULL ? declared_keys(cli, input, owner, error)
                         : stored_keys(engine_stored(cli->engine));
    if (keys == NULL)
        return FALSE;
    options = change_options(cli, NULL, !cli->args->yes);
    plan_options_read(options, &change);
    plan = engine_plan_delete(cli->engine, keys, &change, error);
    if (plan == NULL)
        return FALSE;
    return change_carry_out(cli, plan, "Delete these objects and their data?", "cli destroy",
                            error);
}

/* Planning towards what is stored already shows where the host differs, and nothing else. */
gboolean command_drift(Cli *cli, GError **error)
{
    g_autoptr(json_t) options = change_options(cli, NULL, TRUE);
    g_autoptr(GPtrArray) keys = NULL;
    g_autoptr(GPtrArray) objects = g_ptr_array_new();
    g_auto(PlanOptions) change = {0};
    g_autoptr(Plan) plan = NULL;

    if (!cli_open(cli, ENGINE_READ_ONLY, error))
        return FALSE;
    keys = select_keys(engine_stored(cli->engine), cli->words,
                       cli->words[0] != NULL ? cli_project(cli) : cli->args->project, error);
    if (keys == NULL)
        return FALSE;
    for (guint i = 0; i < keys->len; i++)
        g_ptr_array_add(objects, (gpointer)snapshot_get(engine_stored(cli->engine),
                                                        g_ptr_array_index(keys, i)));
    plan_options_read(options, &change);
    plan = engine_plan_change(cli->engine, objects, NULL, &change, error);
    if (plan == NULL)
        return FALSE;
    print_plan(cli, plan);
    cli->status = plan_is_empty(plan) ? 0 : 2;
    return TRUE;
}
