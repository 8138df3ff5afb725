/* Cloud instance types as limits (I-551..556): "t2.micro", "aws:t2.micro", "c2-m4". */
#pragma once

#include "json.h"

/* {"limits.cpu": ..., "limits.memory": ..., maybe "limits.cpu.allowance": ...}; NULL with
 * ERR_INVALID when there is no such type, or two clouds have it. New reference. */
json_t *instance_type_config(const char *text, GError **error);
