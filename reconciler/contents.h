/* Contents of secrets on their way from where a state file says they are to where they are kept
 * (EN-05). */
#pragma once

#include "sealed.h"
#include "sql.h"
#include "wanted.h"

/* Reads what the objects that are put in name and gives their tokens a digest. `ret_contents`
 * (digest
 * -> GBytes *) gets what was read; NULL when there was nothing to read. */
gboolean contents_read(Sealed *sealed, Wanted *wanted, GHashTable **ret_contents, GError **error);

/* Keeps them, before anything that names them is written. */
gboolean contents_keep(Sealed *sealed, GHashTable *contents, GError **error);

/* Deletes what nothing in the store names any more: no object, no generation, no parked data, no
 * transaction. */
void contents_sweep(Sealed *sealed, Sql *db);
