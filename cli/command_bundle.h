/* The parts of the command bundle. */
#pragma once

#include "command.h"

gboolean bundle_create(Cli *cli, GError **error);

/* --var and --var-file in the form of a manifest, paths absolute. New reference. */
json_t *bundle_variables_of(const Cli *cli);
/* Those of a manifest, with paths of files below `root`. New reference. */
json_t *bundle_variables_in(const json_t *variables, const char *root);
