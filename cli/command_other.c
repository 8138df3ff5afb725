/* version, help, completion. */
#include <string.h>

#include "command.h"
#include "error.h"
#include "output.h"

gboolean command_version(Cli *cli, GError **error)
{
    output_text("berth " BERTH_VERSION "\n");
    return TRUE;
}

gboolean command_help(Cli *cli, GError **error)
{
    const Command *command = NULL;
    g_autofree char *text = NULL;

    if (cli->words[0] != NULL && cli->args->man)
        return error_set(error, ERR_USAGE, "--man prints the whole manual page; leave out '%s'",
                         cli->words[0]);
    if (cli->words[0] != NULL) {
        command = command_find(cli->words[0]);
        if (command == NULL)
            return error_set(error, ERR_USAGE, "there is no command '%s'; 'berth help' lists them",
                             cli->words[0]);
    }
    if (command != NULL)
        text = help_command(command);
    else
        text = cli->args->man ? help_man() : help_all();
    output_text(text);
    return TRUE;
}

gboolean command_completion(Cli *cli, GError **error)
{
    g_autofree char *text = NULL;

    if (strcmp(cli->words[0], "bash") == 0)
        text = help_completion_bash();
    else if (strcmp(cli->words[0], "zsh") == 0)
        text = help_completion_zsh();
    else
        return error_set(error, ERR_USAGE, "completion for '%s': there is bash and zsh",
                         cli->words[0]);
    output_text(text);
    return TRUE;
}
