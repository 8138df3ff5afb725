/* What happens at a set time: applies that nobody confirmed are taken back (EN-33), environments
 * whose lease has ended are deleted (EN-51), parked data of which the time is over is purged
 * (EN-31). One timer for the next of them; none when nothing waits. */
#pragma once

#include "daemon.h"

/* Looks again when the next thing is due. To be called when the model is another one. Any thread.
 */
void deadlines_follow(Daemon *daemon);
