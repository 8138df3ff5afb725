/* networks/NET: what a network keeps on disk, its leases above all (NET-BR-64, NET-BR-73). Removing
 * it parks the whole. */
#pragma once

#include "host.h"

/* Whether all of it is there. */
gboolean folder_exists(const char *dir, const char *network);

/* The ensure and the purge of the fact "folder": true. A rename of the network moves it. */
gboolean folder_ensure(Host *host, const Step *step, GError **error);
gboolean folder_purge(Host *host, const Step *step, GError **error);

/* Writes a file in it, readable by all, by way of `.NAME.new` beside it. It is not synced: the
 * transaction's barrier does that. Unchanged content is not written (LAW-2). `ret_changed` may be
 * NULL. */
gboolean folder_write(const char *path, const char *text, gboolean *ret_changed, GError **error);

/* Removes a file and what a write of it may have left when it was killed. */
gboolean folder_remove(const char *path, gboolean *ret_changed, GError **error);
