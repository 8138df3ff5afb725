/* New instances: a create request in LXD's words (API-557) as a body of the model, and the name
 * that it holds until it is there. */
#pragma once

#include "call.h"

/* The body without what only requests have: the image found by its properties (IMG-036), an
 * instance type as limits (I-551..556). ERR_UNSUPPORTED by name for sources of other types. New
 * reference. */
json_t *instance_new_body(Call *call, const json_t *asked, GError **error);

/* A name held for an instance that is being made: nobody else gets it meanwhile. */
typedef struct NewName NewName;

/* Takes the name that was asked for; draws one when that is absent or empty. ERR_EXISTS when an
 * instance has it, or is being made with it. */
NewName *new_name_take(Call *call, const json_t *asked, GError **error);
const char *new_name_text(const NewName *name);
void new_name_free(NewName *name);

/* Whether the model takes the instance: its fields, what it refers to, limits of the project. */
gboolean instance_new_check(Call *call, const char *name, const json_t *body, GError **error);
