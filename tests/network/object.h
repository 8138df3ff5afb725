/* Networks and contexts for tests. */
#pragma once

#include "driver.h"

/* A network with the config of a JSON text ("{...}"), prepared in `context` (NULL: not prepared).
 */
Object *make_network(const Context *context, const char *name, const char *config);

/* A context of an empty model; `host` is stolen (NULL: {}). `dir` is borrowed. */
Context make_context(const char *dir, json_t *host);
/* The same context with `object` put into its model. */
void context_add(Context *context, const Object *object);
void context_clear(Context *context);
