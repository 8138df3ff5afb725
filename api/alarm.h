/* What is due at moments of its own: looked at in a thread, and again at the moment that the look
 * says. One timer for each alarm; none when nothing is due. */
#pragma once

#include "daemon.h"

/* In a thread, where it may wait; one look of an alarm at a time. `on_time` says that the moment of
 * the last look has come. The next moment, in seconds since the epoch; 0: none. */
typedef gint64 (*AlarmLook)(void *data, gboolean on_time);

Alarm *alarm_new(Daemon *daemon, AlarmLook look, void *data);
/* NULL is none. Once nothing of it is under way any more. */
void alarm_free(Alarm *alarm);

/* Looks now: the next moment may be another one. Any thread. */
void alarm_follow(Alarm *alarm);
