/* From a connection to its caller (AUTH-03). */
#pragma once

#include "daemon.h"

/* Never NULL; quick. New reference. */
Caller *authenticate(Daemon *daemon, Request *request);
