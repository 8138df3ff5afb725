/* plan, apply, destroy, drift: from files to the host. */
#include <string.h>

#include "change.h"
#include "error.h"
#include "local.h"
#include "mode.h"
#include "output.h"
#include "patch_files.h"
#include "rehearse.h"
#include "saved.h"
#include "select.h"
#include "source_sync.h"
#include "sources.h"
#include "table.h"
#include "view.h"

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

/* Prints a patch, and what it cannot say. TRUE in `ret_any` when there is one. */
static gboolean print_patch(const Input *input, const Snapshot *stored, const GPtrArray *keys,
                            const char *prefix, gboolean *ret_any, GError **error)
{
    g_autoptr(GPtrArray) left = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *text = patch_files(input, stored, keys, prefix, left, error);

    if (text == NULL)
        return FALSE;
    output_text(text);
    for (guint i = 0; i < left->len; i++)
        message_warning("%s: a patch cannot say this; change it by hand",
                        (const char *)g_ptr_array_index(left, i));
    *ret_any = *ret_any || *text != '\0' || left->len > 0;
    return TRUE;
}

static gboolean plan_as_patch(Cli *cli, const Input *input, GError **error)
{
    g_autofree char *here = g_get_current_dir();
    gboolean any = FALSE;

    const Snapshot *stored = backend_model(cli->backend, error);

    if (stored == NULL || !print_patch(input, stored, NULL, here, &any, error))
        return FALSE;
    cli->status = any && cli->args->detailed_exitcode ? 2 : 0;
    return TRUE;
}

gboolean command_plan(Cli *cli, GError **error)
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
    if (input == NULL || !cli_open(cli, 0, error))
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
    if (input == NULL || !cli_open(cli, cli_writes(cli), error))
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
    g_autofree char *owner = NULL;
    g_autoptr(Input) input = NULL;
    g_autoptr(Proposal) proposal = NULL;
    const Snapshot *model;
    json_t *keys;

    if (cli->args->all && (cli->args->files != NULL || cli->words[0] != NULL))
        return error_set(error, ERR_USAGE, "give files or --all, not both");
    if (!cli->args->all) {
        g_autoptr(GPtrArray) paths = sources_paths(cli, FALSE, error);

        owner = paths != NULL ? sources_owner(cli, paths, error) : NULL;
        input = owner != NULL ? sources_read(cli, paths, cli->args->project, NULL, error) : NULL;
        if (input == NULL)
            return FALSE;
    }
    model = cli_model(cli, cli_writes(cli), error);
    if (model == NULL)
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

/* Since when the daemon knows of it, and what it does about it (EN-40, EN-41): into the objects of
 * the plan. */
static gboolean add_since(Cli *cli, const Proposal *proposal, const Snapshot *model, GError **error)
{
    g_autoptr(json_t) conditions = backend_conditions(cli->backend, error);
    json_t *objects = json_object_get(json_object_get(proposal->shown, "plan"), "objects");
    size_t i, c;
    json_t *object, *condition;

    if (conditions == NULL)
        return FALSE;
    json_array_foreach (objects, i, object) {
        const char *key = json_member_string(object, "key");
        const Object *stored = snapshot_get(model, key);

        if (stored != NULL)
            json_object_set_new(object, "mode",
                                json_string(mode_to_string(mode_of(model, stored))));
        json_array_foreach (conditions, c, condition) {
            if (strcmp(json_member_string(condition, "object"), key) == 0 &&
                strcmp(json_member_string(condition, "type"), "Drifted") == 0)
                json_object_set(object, "since", json_object_get(condition, "since"));
        }
    }
    return TRUE;
}

static void print_since(const Proposal *proposal)
{
    const json_t *objects = json_object_get(json_object_get(proposal->shown, "plan"), "objects");
    size_t i;
    json_t *object;

    json_array_foreach ((json_t *)objects, i, object) {
        g_autofree char *label = object_key_label(json_member_string(object, "key"));
        g_autofree char *time = view_time(json_object_get(object, "since"));
        const char *mode = json_member_string(object, "mode");
        g_autofree char *line =
            g_strdup_printf("%s: %s%s, mode %s\n", label, *time != '\0' ? "drifted since " : "",
                            *time != '\0' ? time : "not told by the daemon", mode);

        if (mode != NULL)
            output_text(line);
    }
}

static GPtrArray *keys_of_owner(const Snapshot *stored, const GPtrArray *keys, const char *owner)
{
    GPtrArray *own = g_ptr_array_new();

    for (guint i = 0; i < keys->len; i++)
        if (snapshot_get(stored, g_ptr_array_index(keys, i)) != NULL &&
            strcmp(snapshot_get(stored, g_ptr_array_index(keys, i))->owner, owner) == 0)
            g_ptr_array_add(own, g_ptr_array_index(keys, i));
    return own;
}

/* What was edited over the API, as the change of its source's files that it would be (EN-44). */
static gboolean drift_as_patch(Cli *cli, const GPtrArray *keys, GError **error)
{
    g_auto(Local) local = {0};
    const Snapshot *stored;
    gboolean any = FALSE;
    guint first, count;

    if (!cli_only_here(cli, "drift --as-patch", error) ||
        !local_open(cli, ENGINE_READ_ONLY, &local, error))
        return FALSE;
    stored = engine_stored(local.engine);
    snapshot_range(stored, KIND_SOURCE, "", &first, &count);
    for (guint i = first; i < first + count; i++) {
        const Object *source = snapshot_at(stored, i);
        g_autofree char *owner = source_owner(source->id.name);
        g_autoptr(GPtrArray) own = keys_of_owner(stored, keys, owner);
        g_autofree char *prefix = NULL;
        g_autoptr(Input) input =
            own->len > 0 ? source_input(local.engine, source, &prefix, error) : NULL;

        if (own->len > 0 &&
            (input == NULL || !print_patch(input, stored, own, prefix, &any, error)))
            return FALSE;
    }
    cli->status = any ? 2 : 0;
    return TRUE;
}

/* Planning towards what is stored already shows where the host differs, and nothing else. */
gboolean command_drift(Cli *cli, GError **error)
{
    const Snapshot *model = cli_model(cli, 0, error);
    g_autoptr(GPtrArray) keys = NULL;
    g_autoptr(Proposal) proposal = NULL;
    json_t *list;

    if (model == NULL)
        return FALSE;
    keys = select_keys(model, cli->words,
                       cli->words[0] != NULL ? cli_project(cli) : cli->args->project, error);
    if (keys == NULL)
        return FALSE;
    if (cli->args->as_patch)
        return drift_as_patch(cli, keys, error);
    list = json_array();
    for (guint i = 0; i < keys->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(keys, i)));
    proposal = change_plan(cli, "repair", list, change_options(cli, NULL, TRUE), NULL, error);
    if (proposal == NULL || !add_since(cli, proposal, model, error))
        return FALSE;
    print_plan(cli, proposal);
    if (!cli_format_is(cli, "json"))
        print_since(proposal);
    cli->status = plan_shown_is_empty(proposal->shown) ? 0 : 2;
    return TRUE;
}
