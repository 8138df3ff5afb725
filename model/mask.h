/* Secrets in what leaves the program: answers, lists, histories (EN-05). */
#pragma once

#include "kind.h"

#define MASK "(secret)"

/* Replaces the values of secret keys in a map of fields or config, and takes out the engine's own
 * ('$'). */
void mask_map(const Row *rows, json_t *map);

/* The same in {spec, generated} of the object with that key, in place; NULL or another type is left
 * as it is. */
void mask_stored(const char *key, json_t *stored);

/* In the changes of a generation: what each object was before and is after it. */
void mask_generation(json_t *generation);

/* In a list of parked data; what its steps hold is left out. */
void mask_parked(json_t *parked);
