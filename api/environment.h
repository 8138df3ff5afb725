/* `environment` of GET /1.0 (API-637): this host, its kernel, and what berth uses of them. */
#pragma once

#include "call.h"

/* NULL with an error. New reference. */
json_t *environment_shown(Call *call, GError **error);
