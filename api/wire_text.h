/* Instances as JSON text. An object never changes once it is in a model, nor do the profiles that
 * it uses: what is wanted of it is put into words once and kept; how it runs is added each time.
 * Any thread. */
#pragma once

#include "daemon.h"

/* Appends what wire_instance gives, or wire_instance_full when `full`. `candidates`: what
 * instance_status_candidates gave a moment ago, or NULL. */
void wire_instance_append(Daemon *daemon, const Snapshot *model, const Object *object,
                          GHashTable *candidates, gboolean full, GString *text);

/* What wire_etag gives. Newly allocated. */
char *wire_instance_etag(const Snapshot *model, const Object *object);
