/* A client at an instance's console, over websockets (API-161). */
#pragma once

#include "call.h"

/* Gives the operation its streams, 0 and control. The console is attached when both are connected,
 * and let go when either ends; call operation_begin next. */
void console_session_new(Call *call, Operation *operation, const Object *object, guint width,
                         guint height);
