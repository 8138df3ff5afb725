/* What the sessions of instances (files, commands, consoles, logs, metadata) share: none of them
 * changes the model. */
#pragma once

#include "call.h"

/* Sends a lifecycle event of an instance, or of `below` it ("logs/lxc.log"; may be NULL).
 * `context` (may be NULL) is stolen. */
void session_tell(Call *call, const Object *object, const char *action, const char *below,
                  json_t *context);
