/* The engine on the state directory itself, for commands that need what no server gives: git,
 * files, notes. The daemon works beside them. */
#pragma once

#include "command.h"

typedef struct {
    Host *host;
    Engine *engine;
} Local;

gboolean local_open(const Cli *cli, EngineFlags flags, Local *ret_local, GError **error);
void local_clear(Local *local);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Local, local_clear)
