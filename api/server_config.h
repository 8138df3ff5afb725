/* The server's config as the API shows and takes it (API-096, API-097, SV-01..09). */
#pragma once

#include "call.h"

/* Without what equals its default; a secret that is set is `true`. New reference. */
json_t *server_config_shown(const Object *server);

/* PUT (or with `merge` PATCH) of /1.0. Where the daemon listens is changed first and put back when
 * the rest fails, so that a taken address changes nothing (SV-08). */
gboolean server_config_write(Call *call, gboolean merge, GError **error);
