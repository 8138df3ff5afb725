/* Images by the clock (IMG-086..092): those that follow their server are looked after, cached ones
 * that nobody uses are dropped. At the start of the daemon, and then by one timer for the next that
 * is due.
 */
#pragma once

#include "daemon.h"

ImageTimer *image_timer_new(Daemon *daemon);
/* Once nothing of it is under way any more. */
void image_timer_free(ImageTimer *timer);

/* Looks what is due, now and from here on. To be called when the model is another one; does nothing
 * before the daemon is up. Any thread. */
void image_timer_follow(ImageTimer *timer);
