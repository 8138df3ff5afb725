/* Objects as the API shows them (API-500..661): what is wanted of them, what was drawn, and what
 * else LXD says of them. */
#pragma once

#include "daemon.h"

/* Where an object is below /1.0: "profiles/web". Newly allocated. */
char *wire_path(const Object *object);
/* "/1.0/profiles/web?project=p". Newly allocated. */
char *wire_url(const Object *object);

/* The whole object in the shape of its kind. `users` (may be NULL: used_by is empty) from
 * users_index. New reference. */
json_t *wire_object(Daemon *daemon, const Snapshot *model, const Object *object, GHashTable *users);

/* The server's config, empty when nobody has set any. New reference. */
Object *wire_server(const Snapshot *model);

/* config as clients see and write it: what was set, and what was drawn. New reference. */
json_t *wire_config(const Object *object);

/* Whether the user set a config key to a value of its own: not to "auto", for which the drawn value is shown, as LXD does. */
gboolean wire_is_set(const Object *object, const char *key);

/* SHA-256 over what a client may edit (API-056, API-401..410): how it runs and what was drawn do
 * not count. Newly allocated. */
char *wire_etag(const Object *object);

/* key -> GPtrArray of URLs of the objects that refer to it, sorted. Made once for each model. New
 * reference. */
GHashTable *users_index(Daemon *daemon, const Snapshot *model);
