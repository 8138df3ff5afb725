/* --changed-since: objects that are not as they were (EN-24). */
#pragma once

#include "command.h"

/* Without --changed-since nothing. Else cli->changed becomes the keys of the objects that changed
 * since
 *
 *   N    that generation, in what is stored
 *   REV  that git revision: in the files at `paths` (of char *), which `input` was read of; without
 * paths (NULL) since a source's commit was put in force
 *
 * The backend is open. ERR_USAGE, ERR_NOT_FOUND or ERR_INVALID when there is no such thing. */
gboolean changed_since(Cli *cli, const GPtrArray *paths, const Input *input, GError **error);
