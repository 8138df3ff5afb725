/* confirm, revert: applies that are taken back unless somebody confirms them in time (EN-33). */
#include "change.h"
#include "deadline_watch.h"
#include "error.h"
#include "output.h"
#include "table.h"

static gboolean read_number(const char *text, gint64 *ret, GError **error)
{
    return g_ascii_string_to_signed(text, 10, 1, G_MAXINT64, ret, NULL) ||
           error_set(error, ERR_USAGE, "'%s' is no generation: 'berth history' lists their numbers",
                     text);
}

gboolean command_confirm(Cli *cli, GError **error)
{
    gint64 number;

    if (!read_number(cli->words[0], &number, error) || !cli_open(cli, BACKEND_WRITES, error) ||
        !backend_confirm(cli->backend, number, error))
        return FALSE;
    message("Generation %" G_GINT64_FORMAT " stays.", number);
    return TRUE;
}

gboolean command_revert(Cli *cli, GError **error)
{
    g_autoptr(Proposal) proposal = NULL;
    g_autofree char *cause = NULL;
    g_autofree char *dir = cli_directory(cli);
    gint64 number;

    if (cli->args->when_due && cli->words[0] != NULL)
        return error_set(error, ERR_USAGE, "--when-due is for all that waits: give no number");
    if (cli->args->when_due) {
        message_to_log();
        return cli_only_here(cli, "revert --when-due", error) && deadline_watch_run(dir, error);
    }
    if (cli->words[0] == NULL)
        return error_set(error, ERR_USAGE, "which one? berth revert N");
    if (!read_number(cli->words[0], &number, error) || !cli_open(cli, cli_writes(cli), error))
        return FALSE;
    proposal = change_plan(cli, "revert", json_integer(number),
                           change_options(cli, NULL, !cli->args->yes), NULL, error);
    cause = g_strdup_printf("revert %" G_GINT64_FORMAT, number);
    return proposal != NULL &&
           change_carry_out(cli, proposal, FALSE, "Take it back?", cause, error);
}
