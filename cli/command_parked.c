/* parked, undelete, purge: what was deleted and is not gone yet (EN-31). */
#include "change.h"
#include "error.h"
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

    if (!cli_open(cli, ENGINE_READ_ONLY, error))
        return FALSE;
    parked = engine_parked(cli->engine, error);
    if (parked == NULL)
        return FALSE;
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
    g_autoptr(json_t) options = change_options(cli, NULL, !cli->args->yes);
    g_auto(PlanOptions) change = {0};
    g_autofree char *key = NULL;
    g_autoptr(Plan) plan = NULL;

    if (!cli_open(cli, cli->args->dry_run ? ENGINE_READ_ONLY : 0, error))
        return FALSE;
    key = select_key(engine_stored(cli->engine), cli->words[0], cli_project(cli), error);
    if (key == NULL)
        return FALSE;
    plan_options_read(options, &change);
    plan = engine_plan_undelete(cli->engine, key, &change, error);
    if (plan == NULL)
        return FALSE;
    return change_carry_out(cli, plan, "Bring it back?", "cli undelete", error);
}

gboolean command_purge(Cli *cli, GError **error)
{
    g_autofree char *key = NULL;
    guint count = 0;

    if (cli->args->all && cli->words[0] != NULL)
        return error_set(error, ERR_USAGE, "give an object or --all, not both");
    if (!cli_open(cli, 0, error))
        return FALSE;
    if (cli->words[0] != NULL) {
        key = select_key(engine_stored(cli->engine), cli->words[0], cli_project(cli), error);
        if (key == NULL)
            return FALSE;
    }
    if (!engine_purge(cli->engine, key, cli->args->all, &count, error))
        return FALSE;
    message("Purged: %u", count);
    return TRUE;
}
