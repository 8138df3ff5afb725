#pragma once

#include <glib.h>
#include <jansson.h>

/* Whether the members of a body that mean the same wherever they stand have the JSON type that they
 * have in LXD (section 11 of the API's description: types are exact). A state file may write a
 * number for a text; over the API it would be taken for something that the client did not mean, or
 * for nothing. A null is a member that is not there. */
gboolean body_types_check(const json_t *body, GError **error);
