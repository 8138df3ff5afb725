/* exec: a program inside a running instance. */
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "error.h"
#include "output.h"
#include "select.h"

static gboolean check_environment(char *const *env, GError **error)
{
    for (guint i = 0; env != NULL && env[i] != NULL; i++)
        if (strchr(env[i], '=') == NULL || env[i][0] == '=')
            return error_set(error, ERR_USAGE, "--env %s: write NAME=VALUE", env[i]);
    return TRUE;
}

gboolean command_exec(Cli *cli, GError **error)
{
    const Arguments *args = cli->args;
    const char *name = cli->words[0];
    char **argv = cli->words + 1;
    g_autofree char *text =
        strchr(name, '/') != NULL ? g_strdup(name) : g_strconcat("instance/", name, NULL);
    Program program = {.env = (const char *const *)args->env, .cwd = args->cwd};
    gboolean terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    const Snapshot *model;
    const Object *object;

    if (strcmp(argv[0], "--") == 0)
        argv++;
    if (argv[0] == NULL)
        return error_set(error, ERR_USAGE, "which program? berth exec %s -- COMMAND", name);
    if (args->terminal && args->no_terminal)
        return error_set(error, ERR_USAGE, "-t and -T exclude each other");
    model = check_environment(args->env, error) ? cli_model(cli, 0, error) : NULL;
    object = model != NULL ? select_object(model, text, cli_project(cli), error) : NULL;
    if (object == NULL)
        return FALSE;
    if (object->id.kind != KIND_INSTANCE)
        return error_set(error, ERR_USAGE, "%s is no instance", name);
    program.argv = (const char *const *)argv;
    program.terminal = args->terminal || (terminal && !args->no_terminal);
    return backend_exec(cli->backend, object, &program, &cli->status, error);
}
