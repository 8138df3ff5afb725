/* plan, apply, destroy: from files to the host. */
#include <string.h>

#include "change.h"
#include "changed_since.h"
#include "error.h"
#include "output.h"
#include "patch_files.h"
#include "rehearse.h"
#include "saved.h"
#include "sources.h"
#include "table.h"

static void print_plan(const Cli *cli, const Proposal *proposal)
{
    g_autoptr(json_t) plan = json_copy(json_object_get(proposal->shown, "plan"));
    json_t *rehearsal = json_object_get(proposal->shown, "rehearsal");
    g_autofree char *text = NULL;

    if (rehearsal != NULL)
        json_object_set(plan, "rehearsal", rehearsal);
    text = cli_format_is(cli, "json") ? json_pretty(plan)
                                      : plan_shown_text(proposal->shown, output_colour());
    output_text(text);
}

static gboolean plan_as_patch(Cli *cli, const Input *input, GError **error)
{
    g_autoptr(GString) diff = g_string_new(NULL);
    g_autoptr(json_t) left = json_array();
    g_autofree char *here = g_get_current_dir();
    const Snapshot *stored = backend_model(cli->backend, error);

    if (stored == NULL || !patch_files(input, stored, NULL, here, diff, left, error))
        return FALSE;
    cli->status = change_print_patch(diff->str, left) && cli->args->detailed_exitcode ? 2 : 0;
    return TRUE;
}

static gboolean plan_files(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) paths = sources_paths(cli, cli->args->out != NULL, error);
    g_autofree char *owner = paths != NULL ? sources_owner(cli, paths, error) : NULL;
    g_autoptr(Input) input = NULL;
    g_autoptr(json_t) options = NULL;
    g_autoptr(Proposal) proposal = NULL;

    if (owner == NULL)
        return FALSE;
    if (cli->args->rehearse && cli_format_is(cli, "patch"))
        return error_set(error, ERR_USAGE, "--format patch makes no plan that could be rehearsed");
    for (guint i = 0; cli->args->out != NULL && i < paths->len; i++)
        if (strcmp(g_ptr_array_index(paths, i), "-") == 0)
            return error_set(error, ERR_USAGE,
                             "--out needs files: standard input cannot be read again by apply");
    input = sources_read(cli, paths, cli->args->project, NULL, error);
    if (input == NULL || !cli_open(cli, 0, error) || !changed_since(cli, paths, input, error))
        return FALSE;
    if (cli_format_is(cli, "patch"))
        return plan_as_patch(cli, input, error);
    /* What a person would be asked about. */
    options = change_options(cli, owner, TRUE);
    if (cli->args->out != NULL)
        json_object_set_new(options, "saved", json_true());
    proposal =
        change_plan(cli, cli->args->rehearse ? "rehearse" : NULL,
                    cli->args->rehearse ? json_true() : NULL, json_incref(options), input, error);
    if (proposal == NULL)
        return FALSE;
    print_plan(cli, proposal);
    if (!plan_shown_check(proposal->shown, error) ||
        !rehearsal_check(json_object_get(proposal->shown, "rehearsal"), error))
        return FALSE;
    if (cli->args->out != NULL) {
        if (!saved_write(cli, cli->args->out, proposal, paths, input, options, error))
            return FALSE;
        message("Saved. Carry it out with: berth apply %s", cli->args->out);
    }
    if (cli->args->detailed_exitcode && !plan_shown_is_empty(proposal->shown))
        cli->status = 2;
    return TRUE;
}

gboolean command_plan(Cli *cli, GError **error)
{
    return cli->args->refresh_only ? command_refresh_only(cli, error) : plan_files(cli, error);
}

/* Does the plan delete and remake anything? */
static gboolean replaces(const Proposal *proposal)
{
    const json_t *object;
    size_t i;

    json_array_foreach (json_at(proposal->shown, "plan/objects"), i, object) {
        Label label = label_from_string(json_member_string(object, "label"));

        if (label == LABEL_REPLACE || label == LABEL_REBUILD)
            return TRUE;
    }
    return FALSE;
}

static gboolean apply_saved(Cli *cli, const json_t *saved, GError **error)
{
    g_autoptr(Input) input = NULL;
    g_autoptr(Proposal) proposal = saved_plan(cli, saved, &input, error);

    if (proposal == NULL)
        return FALSE;
    if (cli->args->yes && cli->args->allow_replace == NULL && replaces(proposal))
        return error_set(error, ERR_REFUSED,
                         "the plan deletes and remakes objects; -y alone does not allow that: add "
                         "--allow-replace all");
    return change_carry_out(cli, proposal, TRUE, "Apply this plan?", "cli apply", error);
}

gboolean command_apply(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) paths = sources_paths(cli, FALSE, error);
    g_autoptr(json_t) saved = NULL;
    g_autofree char *owner = NULL;
    g_autoptr(Input) input = NULL;
    g_autoptr(Proposal) proposal = NULL;

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
    if (input == NULL || !cli_open(cli, cli_writes(cli), error) ||
        !changed_since(cli, paths, input, error))
        return FALSE;
    proposal =
        change_plan(cli, NULL, NULL, change_options(cli, owner, !cli->args->yes), input, error);
    return proposal != NULL &&
           change_carry_out(cli, proposal, FALSE, "Apply these changes?", "cli apply", error);
}

/* Keys of what is stored of the objects that the files declare. What belongs to another set is a
 * conflict (EN-43). */
static json_t *declared_keys(Cli *cli, const Snapshot *model, const Input *input, const char *owner,
                             GError **error)
{
    g_autoptr(json_t) keys = json_array();

    for (guint i = 0; i < input->objects->len; i++) {
        const Object *object = g_ptr_array_index(input->objects, i);
        const Object *stored = snapshot_get(model, object->key);

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
        json_array_append_new(keys, json_string(stored->key));
    }
    return g_steal_pointer(&keys);
}

static json_t *stored_keys(const Snapshot *stored)
{
    json_t *keys = json_array();

    for (guint i = 0; i < snapshot_size(stored); i++)
        json_array_append_new(keys, json_string(snapshot_at(stored, i)->key));
    return keys;
}

gboolean command_destroy(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) paths = NULL;
    g_autofree char *owner = NULL;
    g_autoptr(Input) input = NULL;
    g_autoptr(Proposal) proposal = NULL;
    const Snapshot *model;
    json_t *keys;

    if (cli->args->all && (cli->args->files != NULL || cli->words[0] != NULL))
        return error_set(error, ERR_USAGE, "give files or --all, not both");
    if (!cli->args->all) {
        paths = sources_paths(cli, FALSE, error);
        owner = paths != NULL ? sources_owner(cli, paths, error) : NULL;
        input = owner != NULL ? sources_read(cli, paths, cli->args->project, NULL, error) : NULL;
        if (input == NULL)
            return FALSE;
    }
    model = cli_model(cli, cli_writes(cli), error);
    if (model == NULL || !changed_since(cli, paths, input, error))
        return FALSE;
    keys = input != NULL ? declared_keys(cli, model, input, owner, error) : stored_keys(model);
    if (keys == NULL)
        return FALSE;
    proposal =
        change_plan(cli, "delete", keys, change_options(cli, NULL, !cli->args->yes), NULL, error);
    return proposal != NULL &&
           change_carry_out(cli, proposal, FALSE, "Delete these objects and their data?",
                            "cli destroy", error);
}
