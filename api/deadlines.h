/* What happens at a set time: applies that nobody confirmed are taken back (EN-33), environments
 * whose lease has ended are deleted (EN-51), parked data of which the time is over is purged
 * (EN-31). To be told (alarm_follow) when the model is another one. */
#pragma once

#include "daemon.h"

Alarm *deadlines_new(Daemon *daemon);
