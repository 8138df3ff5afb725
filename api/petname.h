/* Names for instances that come without: two English words. */
#pragma once

#include <glib.h>

/* "able-badger". Newly allocated; another one with each call. */
char *petname_draw(void);
