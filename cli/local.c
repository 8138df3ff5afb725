#include "local.h"

#include "output.h"

gboolean local_open(const Cli *cli, EngineFlags flags, Local *ret_local, GError **error)
{
    g_autofree char *dir = cli_directory(cli);

    if (cli->args->no_wait_lock)
        flags |= ENGINE_NO_WAIT;
    ret_local->host = host_real_new(dir);
    ret_local->engine = engine_open(ret_local->host, flags, error);
    if (ret_local->engine == NULL)
        return FALSE;
    if (engine_recovered(ret_local->engine) != NULL)
        message("%s", engine_recovered(ret_local->engine));
    return TRUE;
}

void local_clear(Local *local)
{
    engine_close(local->engine);
    host_free(local->host);
}
