/* The facts that a network should have: the `expect` of NETWORK_DRIVER. Pure. */
#pragma once

#include "driver.h"

json_t *network_expect(const Context *context, const Object *object, const json_t *observed,
                       GError **error);

/* Puts a fact (taken over, may be NULL) into facts; one that has no members is no fact. */
void network_keep(json_t *facts, const char *name, json_t *value);

