/* What the daemon does every day, and once when it starts. */
#pragma once

#include "daemon.h"

void housekeeping_start(Daemon *daemon);
