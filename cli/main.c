/* berth: the command. Finds the command in the table, reads its options, runs it, and turns its
 * error into the exit status of engine.md's table. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "command.h"
#include "error.h"
#include "output.h"
#include "secrets.h"
#include "sources.h"

/* Unknown words: a name of a later build, a typo, or neither; always exit 64. */
static gboolean refuse_command(const char *name, GError **error)
{
    const char *nearest = command_nearest(name);

    for (guint i = 0; COMMANDS_NOT_YET[i] != NULL; i++)
        if (strcmp(COMMANDS_NOT_YET[i], name) == 0)
            return error_set(error, ERR_USAGE, "command '%s' is not in this build of berth", name);
    if (nearest != NULL)
        return error_set(error, ERR_USAGE, "there is no command '%s'; did you mean '%s'?", name,
                         nearest);
    return error_set(error, ERR_USAGE, "there is no command '%s'; 'berth help' lists them", name);
}

/* Checks how many words are left and the value of --format. */
static gboolean check_words(const Cli *cli, GError **error)
{
    const Command *command = cli->command;
    int count = (int)g_strv_length(cli->words);

    if (count < command->min)
        return error_set(error, ERR_USAGE, "something is missing: berth %s %s", command->name,
                         command->arguments);
    if (command->max >= 0 && count > command->max)
        return error_set(error, ERR_USAGE, "'%s' is one argument too many; see 'berth help %s'",
                         cli->words[command->max], command->name);
    if (cli->args->format != NULL && command->formats != NULL) {
        g_auto(GStrv) names = g_strsplit(command->formats, "|", -1);
        g_autofree char *list = g_strjoinv(", ", names);

        if (!g_strv_contains((const char *const *)names, cli->args->format))
            return error_set(error, ERR_USAGE, "--format %s: berth %s can print %s",
                             cli->args->format, command->name, list);
    }
    return TRUE;
}

static gboolean run(Cli *cli, char ***words, GError **error)
{
    g_autofree char *name = NULL;

    /* Common options may stand before the command. */
    if (!arguments_parse(0, TRUE, words, error))
        return FALSE;
    if ((*words)[0] == NULL) {
        g_autofree char *text = help_all();

        if (!cli->args->help)
            return error_set(error, ERR_USAGE, "say what to do; 'berth help' lists the commands");
        output_text(text);
        return TRUE;
    }
    name = g_strdup((*words)[0]);
    cli->command = command_find(name);
    if (cli->command == NULL)
        return refuse_command(name, error);
    cli->words = g_strdupv(*words + 1);
    if (!arguments_parse(cli->command->options, cli->command->posix, &cli->words, error)) {
        g_prefix_error(error, "berth %s: ", name);
        return FALSE;
    }
    output_init(cli->args->quiet, cli->args->verbose);
    if (cli->args->help) {
        g_autofree char *text = help_command(cli->command);

        output_text(text);
        return TRUE;
    }
    return cli_take_remote(cli, error) && check_words(cli, error) && sources_policies(cli, error) &&
           cli->command->run(cli, error);
}

int main(int argc, char **argv)
{
    g_auto(Cli) cli = {.args = arguments()};
    g_auto(GStrv) words = g_strdupv(argc > 0 ? argv + 1 : argv);
    g_autoptr(GError) error = NULL;

    json_wipe_freed();
    prctl(PR_SET_DUMPABLE, 0); /* no core files with secrets in them (EN-05) */
    setlocale(LC_ALL, "");
    output_init(FALSE, FALSE);
    if (run(&cli, &words, &error)) {
        if (output_finish(&error))
            return cli.status;
    } else {
        g_autoptr(GError) ignored = NULL;

        output_finish(&ignored);
    }
    message_error(error->message);
    return cli.status != 0 ? cli.status : error_exit_status(error);
}
