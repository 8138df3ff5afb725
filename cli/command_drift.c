/* drift, and plan --refresh-only: where the host is not as stored; what is stored is never changed
 * by either. */
#include <string.h>

#include "change.h"
#include "changed_since.h"
#include "drift.h"
#include "error.h"
#include "file.h"
#include "output.h"
#include "sources.h"
#include "table.h"

static json_t *list_of(const GPtrArray *keys)
{
    json_t *list = json_array();

    for (guint i = 0; i < keys->len; i++)
        json_array_append_new(list, json_string(g_ptr_array_index(keys, i)));
    return list;
}

/* What was edited over the API, as the change of its source's files that it would be (EN-44). */
static gboolean print_as_patch(Cli *cli, const GPtrArray *keys, GError **error)
{
    g_autoptr(Proposal) proposal =
        change_plan(cli, "patch", list_of(keys), change_options(cli, NULL, TRUE), NULL, error);
    const json_t *patch = proposal != NULL ? json_object_get(proposal->shown, "patch") : NULL;

    if (proposal == NULL)
        return FALSE;
    cli->status =
        change_print_patch(json_member_string(patch, "text"), json_object_get(patch, "left")) ? 2
                                                                                              : 0;
    return TRUE;
}

static Proposal *look(Cli *cli, const GPtrArray *keys, GError **error)
{
    json_t *wish = json_pack("{s:o, s:o, s:b}", "options", change_options(cli, NULL, TRUE),
                             "repair", list_of(keys), "drift", TRUE);

    return backend_plan(cli->backend, wish, NULL, error);
}

static void print_warnings(const Proposal *proposal)
{
    const json_t *warning;
    size_t i;

    json_array_foreach (json_at(proposal->shown, "plan/warnings"), i, warning)
        message_warning("%s", json_string_value(warning));
}

/* When there is nothing else to say. */
static void add_nothing(const Proposal *proposal, GString *text)
{
    json_int_t examined = json_integer_value(json_object_get(proposal->shown, "examined"));

    g_string_append_printf(text, "%sNo drift: %" JSON_INTEGER_FORMAT " %s as stored.\n",
                           text->len > 0 ? "\n" : "", examined,
                           examined == 1 ? "object is" : "objects are");
}

static char *drift_json(const Proposal *proposal)
{
    g_autoptr(json_t) shown = json_copy(json_object_get(proposal->shown, "plan"));

    json_object_set(shown, "objects", json_object_get(proposal->shown, "drift"));
    return json_pretty(shown);
}

static char *drift_text(const Proposal *proposal, gboolean any)
{
    GString *text = g_string_new(NULL);

    drift_print(json_object_get(proposal->shown, "drift"), TRUE, output_colour(), text);
    if (!any)
        add_nothing(proposal, text);
    return g_string_free(text, FALSE);
}

gboolean command_drift(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) keys = cli_chosen_keys(cli, error);
    g_autoptr(Proposal) proposal = NULL;
    g_autofree char *text = NULL;
    gboolean any;

    if (keys == NULL)
        return FALSE;
    if (cli->args->as_patch)
        return print_as_patch(cli, keys, error);
    proposal = look(cli, keys, error);
    if (proposal == NULL)
        return FALSE;
    any = drift_is_any(json_object_get(proposal->shown, "drift"), TRUE);
    text = cli_format_is(cli, "json") ? drift_json(proposal) : drift_text(proposal, any);
    output_text(text);
    print_warnings(proposal);
    cli->status = any ? 2 : 0;
    return TRUE;
}

/* ---- plan --refresh-only ---- */

/* Stored objects that the files declare, and what else their set owns; without files all that is
 * stored. */
static GPtrArray *keys_to_refresh(Cli *cli, GError **error)
{
    gboolean files = cli->args->files != NULL || cli->words[0] != NULL || file_exists("berth.yaml");
    g_autoptr(GPtrArray) paths = files ? sources_paths(cli, FALSE, error) : NULL;
    g_autofree char *owner = paths != NULL ? sources_owner(cli, paths, error) : NULL;
    g_autoptr(Input) input =
        owner != NULL ? sources_read(cli, paths, cli->args->project, NULL, error) : NULL;
    g_autoptr(GHashTable) declared = g_hash_table_new(g_str_hash, g_str_equal);
    const Snapshot *model;
    GPtrArray *keys;

    if (files && input == NULL)
        return NULL;
    model = cli_model(cli, 0, error);
    if (model == NULL || !changed_since(cli, paths, input, error))
        return NULL;
    for (guint i = 0; input != NULL && i < input->objects->len; i++)
        g_hash_table_add(declared, ((Object *)g_ptr_array_index(input->objects, i))->key);
    keys = g_ptr_array_new();
    for (guint i = 0; i < snapshot_size(model); i++) {
        const Object *object = snapshot_at(model, i);

        if (!files || g_hash_table_contains(declared, object->key) ||
            strcmp(object->owner, owner) == 0)
            g_ptr_array_add(keys, object->key);
    }
    return keys;
}

/* What the host shows otherwise, without what sources declare otherwise. New reference. */
static json_t *observed_only(const json_t *drift)
{
    json_t *list = json_array();
    const json_t *entry, *field;
    size_t i, f;

    json_array_foreach (drift, i, entry) {
        json_t *copy = json_copy((json_t *)entry);
        json_t *fields = json_array();

        json_array_foreach (json_object_get(entry, "fields"), f, field)
            if (strcmp(json_member_string(field, "state"), "edited") != 0)
                json_array_append(fields, (json_t *)field);
        json_object_set_new(copy, "fields", fields);
        if (json_array_size(fields) > 0)
            json_array_append(list, copy);
        json_decref(copy);
    }
    return list;
}

/* A plan that proposes nothing: the drift alone. */
static char *refresh_json(const Proposal *proposal, json_t *drift)
{
    static const char *const nothing[] = {"objects", "steps", "irreversible", "blocked"};
    g_autoptr(json_t) shown = json_copy(json_object_get(proposal->shown, "plan"));

    json_object_set(shown, "drift", drift);
    for (guint i = 0; i < G_N_ELEMENTS(nothing); i++)
        json_object_set_new(shown, nothing[i], json_array());
    json_object_del(shown, "plan_hash"); /* nothing can be carried out by it */
    return json_pretty(shown);
}

static char *refresh_text(const Proposal *proposal, const json_t *drift, gboolean any)
{
    GString *text = g_string_new(NULL);

    drift_print(drift, FALSE, output_colour(), text);
    if (any)
        g_string_append(text,
                        "\nThe host differs from what is stored. Nothing is proposed: an apply "
                        "puts it back, or write into the files what is to stay.\n");
    else
        add_nothing(proposal, text);
    return g_string_free(text, FALSE);
}

static char *refresh_patch(const json_t *drift)
{
    GString *text = g_string_new(NULL);

    drift_print_patch(drift, text);
    return g_string_free(text, FALSE);
}

gboolean command_refresh_only(Cli *cli, GError **error)
{
    g_autoptr(GPtrArray) keys = NULL;
    g_autoptr(Proposal) proposal = NULL;
    g_autoptr(json_t) drift = NULL;
    g_autofree char *text = NULL;
    gboolean any;

    if (cli->args->out != NULL || cli->args->rehearse)
        return error_set(error, ERR_USAGE,
                         "--refresh-only proposes nothing that could be saved or "
                         "rehearsed: leave out --out and --rehearse");
    keys = keys_to_refresh(cli, error);
    proposal = keys != NULL ? look(cli, keys, error) : NULL;
    if (proposal == NULL)
        return FALSE;
    drift = observed_only(json_object_get(proposal->shown, "drift"));
    any = drift_is_any(drift, FALSE);
    text = cli_format_is(cli, "json")    ? refresh_json(proposal, drift)
           : cli_format_is(cli, "patch") ? refresh_patch(drift)
                                         : refresh_text(proposal, drift, any);
    output_text(text);
    print_warnings(proposal);
    cli->status = any && cli->args->detailed_exitcode ? 2 : 0;
    return TRUE;
}
