/* What the sessions of instances (files, commands, consoles, logs, metadata) share: none of them
 * changes the model. */
#pragma once

#include "call.h"

/* Sends a lifecycle event of an instance, or of `below` it ("logs/lxc.log"; may be NULL).
 * `context` (may be NULL) is stolen. */
void session_tell(Call *call, const Object *object, const char *action, const char *below,
                  json_t *context);

/* FALSE with ERR_INVALID unless the instance runs and is not frozen (OPS-31). */
gboolean session_running(Call *call, const Object *object, GError **error);

/* A new operation on an instance. */
Operation *session_operation(Call *call, const Object *object, OperationClass class,
                             const char *description);
/* Begins an operation whose work is in the context, and answers 202. */
void session_begin(Call *call, Operation *operation);
