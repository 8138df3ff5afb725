/* confirm, revert: applies that are taken back unless somebody confirms them in time (EN-33). */
#include <errno.h>
#include <time.h>

#include "change.h"
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

/* When the generation is due; 0 when it does not wait (any more). */
static gboolean find_deadline(const char *dir, gint64 number, gint64 *ret, GError **error)
{
    g_autoptr(Host) host = host_real_new(dir);
    g_autoptr(Engine) engine = engine_open(host, ENGINE_READ_ONLY, error);
    g_autoptr(json_t) waiting = engine != NULL ? engine_unconfirmed(engine, error) : NULL;
    size_t i;
    json_t *item;

    *ret = 0;
    if (waiting == NULL)
        return FALSE;
    json_array_foreach (waiting, i, item) {
        if (json_integer_value(json_object_get(item, "generation")) == number)
            *ret = json_integer_value(json_object_get(item, "revert_at"));
    }
    return TRUE;
}

/* What an apply without a daemon leaves behind: sleeps until the deadline and opens the state
 * directory, which takes back whatever is due. */
static gboolean wait_until_due(const Cli *cli, gint64 number, GError **error)
{
    g_autofree char *dir = cli_directory(cli);
    g_autoptr(Host) host = NULL;
    g_autoptr(Engine) engine = NULL;
    struct timespec until = {0};
    gint64 deadline;

    if (!find_deadline(dir, number, &deadline, error))
        return FALSE;
    if (deadline == 0)
        return TRUE;
    until.tv_sec = (time_t)deadline;
    while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
    host = host_real_new(dir);
    engine = engine_open(host, 0, error);
    return engine != NULL;
}

gboolean command_revert(Cli *cli, GError **error)
{
    g_autoptr(Proposal) proposal = NULL;
    g_autofree char *cause = NULL;
    gint64 number;

    if (!read_number(cli->words[0], &number, error))
        return FALSE;
    if (cli->args->when_due)
        return cli_only_here(cli, "revert --when-due", error) && wait_until_due(cli, number, error);
    if (!cli_open(cli, cli_writes(cli), error))
        return FALSE;
    proposal = change_plan(cli, "revert", json_integer(number),
                           change_options(cli, NULL, !cli->args->yes), NULL, error);
    cause = g_strdup_printf("revert %" G_GINT64_FORMAT, number);
    return proposal != NULL &&
           change_carry_out(cli, proposal, FALSE, "Take it back?", cause, error);
}
