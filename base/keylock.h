/* Locks by name, made as they are needed: one thread at a time works on what a name stands for. */
#pragma once

#include <glib.h>

/* Waits until the name is free and takes it. With `cancel` (may be NULL) FALSE when that is set
 * meanwhile. */
gboolean key_lock(const char *name, volatile gint *cancel);
void key_unlock(const char *name);
