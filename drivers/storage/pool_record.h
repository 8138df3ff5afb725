/* What berth remembers, beside a pool, of what is in it: read while the pool is not mounted
 * (pool_mount.h). */
#pragma once

#include "json.h"

/* The pool's path of a volume's path (POOL/KIND/NAME). Newly allocated. */
char *pool_of_volume(const char *path);

/* What was last known of a volume; facts by row ("volume", "quota"). Writing is cheap and not
 * synced: the barrier does that. */
json_t *pool_record_read(const char *dir, const char *path);
gboolean pool_record_write(const char *dir, const char *path, const char *row, json_t *fact,
                           GError **error);
void pool_record_remove(const char *dir, const char *path);

/* Forgets everything kept beside a pool that is gone for good. */
gboolean pool_forget(const char *dir, const char *pool, GError **error);
