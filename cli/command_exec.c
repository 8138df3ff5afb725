/* exec: a program inside a running instance. */
#include "command.h"
#include "error.h"

gboolean command_exec(Cli *cli, GError **error)
{
    return error_set(error, ERR_UNSUPPORTED, "exec");
}
