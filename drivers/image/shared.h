/* Content that several image objects may share, for it is named by its fingerprint: each object is
 * a user in its mark, and only when the last user goes is it parked. The mark: {"image":
 * fingerprint, "tx": transaction that made it, "users": {KEY: TX}}. */
#pragma once

#include "driver.h"

/* Makes the content at `staged`; `fact` is what the step wants. */
typedef gboolean (*SharedBuild)(Host *host, const json_t *fact, const char *staged, GError **error);

/* Adds `key` as a user of the content at fact.path, made with `build` (and kept with `companion`
 * beside it, a suffix, or NULL). */
gboolean shared_add(Host *host, const Step *step, const json_t *fact, const char *companion,
                    SharedBuild build, GError **error);

/* Takes the user away; the last one parks the content, or discards it when this transaction made
 * it. */
gboolean shared_drop(Host *host, const Step *step, const json_t *fact, const char *companion,
                     GError **error);

/* Deletes what this transaction parked. */
gboolean shared_purge(const Step *step, const json_t *fact, const char *companion, GError **error);

/* Whether `key` is a user of what is at `path`; ERR_EXISTS when something unmarked is there. */
gboolean shared_has(const char *path, const char *key, gboolean *ret_has, GError **error);
