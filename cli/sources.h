/* The state files that a command was given: where they are, what they say, what is wrong with them.
 */
#pragma once

#include "command.h"

/* Paths of -f and of the words that follow the command, in order; "berth.yaml" when there are none
 * and it exists. With `absolute` they do not depend on the working directory. Strings are owned.
 * ERR_USAGE when there is nothing to read. */
GPtrArray *sources_paths(const Cli *cli, gboolean absolute, GError **error);

/* Gives the variables of --var and --var-file to the input. */
gboolean sources_give(const Cli *cli, Input *input, GError **error);

/* Reads all of `paths` (of char *); objects that name no project belong to `project`. Remarks go to
 * stderr with -v. Mistakes are one error that names each (ERR_INVALID), and so is what this build
 * does not handle (ERR_UNSUPPORTED). When `digest` is not NULL, the files must be those that had
 * it: ERR_CONFLICT. */
Input *sources_read(const Cli *cli, const GPtrArray *paths, const char *project, const char *digest,
                    GError **error);

/* Reads the files of --policy into cli->policies. They may declare nothing but policies
 * (ERR_INVALID). */
gboolean sources_policies(Cli *cli, GError **error);

/* Owner of what the paths declare: "file:NAME" by --set, else by the first path made absolute. NULL
 * with ERR_USAGE when --prune has nothing but standard input to go by. Newly allocated. */
char *sources_owner(const Cli *cli, const GPtrArray *paths, GError **error);
