/* networks/NET: what a network keeps on disk, its leases above all (NET-BR-64, NET-BR-73). Removing
 * it parks the whole. */
#pragma once

#include "host.h"

gboolean folder_exists(const char *dir, const char *network);

/* The ensure and the purge of the fact "folder": true. A rename of the network moves it. */
gboolean folder_ensure(Host *host, const Step *step, GError **error);
gboolean folder_purge(Host *host, const Step *step, GError **error);
