/* Random state files made from the tables: every kind, every sort of reference, keys and values by
 * their rows. Edited at random as people edit: change, add, delete, rename, replace. */
#pragma once

#include "support.h"

/* A document of 20 to 60 objects; JSON, which is YAML. New reference. */
json_t *random_model(GRand *rand);

/* Changes a document in place, `edits` times. */
void random_edit(json_t *model, GRand *rand, guint edits);

/* The document as text. Newly allocated. */
char *random_text(const json_t *model);

/* How many keys of the tables have been used so far, of how many that could be; for the report. */
void random_coverage(guint *ret_used, guint *ret_all);
