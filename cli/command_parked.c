/* parked, undelete, purge: what was deleted and is not gone yet (EN-31). */
#include "change.h"
#include "error.h"
#include "mask.h"
#include "output.h"
#include "select.h"
#include "table.h"
#include "view.h"

gboolean command_parked(Cli *cli, GError **error)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"OBJECT", "SINCE", "UNTIL", "PATH", NULL});
    g_autoptr(json_t) parked = NULL;
    size_t i;
    json_t *entry;

    if (!cli_open(cli, 0, error))
        return FALSE;
    parked = backend_parked(cli->backend, error);
    if (parked == NULL)
        return FALSE;
    mask_parked(parked);
    json_array_foreach (parked, i, entry) {
        g_autofree char *label = object_key_label(json_member_string(entry, "key"));
        g_autofree char *since = view_time(json_object_get(entry, "since"));
        g_autofree char *until = view_time(json_object_get(entry, "until"));

        table_add(table, label, since, until, json_member_string(entry, "path"));
    }
    table_print(table, cli->args->format != NULL ? cli->args->format : "table", parked);
    return TRUE;
}

gboolean command_undelete(Cli *cli, GError **error)
{
    const Snapshot *model = cli_model(cli, cli_writes(cli), error);
    g_autofree char *key =
        model != NULL ? select_key(model, cli->words[0], cli_project(cli), error) : NULL;
    g_autoptr(Proposal) proposal = NULL;

    if (key == NULL)
        return FALSE;
    proposal = change_plan(cli, "undelete", json_string(key),
                           change_options(cli, NULL, !cli->args->yes), NULL, error);
    return proposal != NULL &&
           change_carry_out(cli, proposal, FALSE, "Bring it back?", "cli undelete", error);
}

gboolean command_purge(Cli *cli, GError **error)
{
    g_autofree char *key = NULL;
    guint count = 0;

    if (cli->args->all && cli->words[0] != NULL)
        return error_set(error, ERR_USAGE, "give an object or --all, not both");
    if (!cli_open(cli, BACKEND_WRITES, error))
        return FALSE;
    if (cli->words[0] != NULL) {
        const Snapshot *model = backend_model(cli->backend, error);

        key = model != NULL ? select_key(model, cli->words[0], cli_project(cli), error) : NULL;
        if (key == NULL)
            return FALSE;
    }
    if (!backend_purge(cli->backend, key, cli->args->all, &count, error))
        return FALSE;
    message("Purged: %u", count);
    return TRUE;
}
