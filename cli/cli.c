#include "command.h"

#include <string.h>

#include "error.h"
#include "output.h"
#include "select.h"

char *cli_directory(const Cli *cli)
{
    const char *dir = cli->args->dir;

    if (dir == NULL)
        dir = g_getenv("BERTH_DIR");
    if (dir == NULL || *dir == '\0')
        dir = "/var/lib/berth";
    return g_canonicalize_filename(dir, NULL);
}

const char *cli_project(const Cli *cli)
{
    return cli->args->project != NULL ? cli->args->project : "default";
}

gboolean cli_format_is(const Cli *cli, const char *name)
{
    const char *formats = cli->command->formats;

    if (cli->args->format != NULL)
        return strcmp(cli->args->format, name) == 0;
    return formats != NULL && g_str_has_prefix(formats, name) &&
           strchr("|", formats[strlen(name)]) != NULL;
}

gboolean cli_open(Cli *cli, EngineFlags flags, GError **error)
{
    g_autofree char *dir = NULL;

    if (cli->engine != NULL)
        return TRUE;
    dir = cli_directory(cli);
    if (cli->args->no_wait_lock)
        flags |= ENGINE_NO_WAIT;
    cli->host = host_real_new(dir);
    cli->engine = engine_open(cli->host, flags, error);
    if (cli->engine == NULL)
        return FALSE;
    if (engine_recovered(cli->engine) != NULL)
        message("%s", engine_recovered(cli->engine));
    return TRUE;
}

GPtrArray *cli_chosen_objects(Cli *cli, GError **error)
{
    const Snapshot *stored = engine_stored(cli->engine);
    const char *project = cli->words[0] != NULL ? cli_project(cli) : cli->args->project;
    g_autoptr(GPtrArray) keys = select_keys(stored, cli->words, project, error);
    GPtrArray *objects;

    if (keys == NULL)
        return NULL;
    objects = g_ptr_array_new();
    for (guint i = 0; i < keys->len; i++)
        g_ptr_array_add(objects, (gpointer)snapshot_get(stored, g_ptr_array_index(keys, i)));
    return objects;
}

const char *cli_list_format(const Cli *cli)
{
    return cli->args->format != NULL ? cli->args->format : "table";
}

void cli_clear(Cli *cli)
{
    g_clear_pointer(&cli->engine, engine_close);
    g_clear_pointer(&cli->host, host_free);
    g_clear_pointer(&cli->words, g_strfreev);
}
