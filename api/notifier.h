/* Tells another server of changes of conditions (EN-48), as the server keys berth.notify.* say:
 *
 *   POST berth.notify.url
 *   Content-Type: application/json
 *   X-Berth-Signature: sha256=HMAC-SHA256 of the body with berth.notify.secret, in hex
 *
 *   {"object", "type", "status", "reason", "generation", "since", "host", "id"}
 *
 * In order, one at a time. An answer that is not 2xx is tried again after 1, 2, 4, ... 60 seconds,
 * for ten minutes; `id` stays the same. */
#pragma once

#include "conditions.h"

typedef struct Notifier Notifier;

Notifier *notifier_new(Daemon *daemon);
/* What has not been told by then is lost. */
void notifier_free(Notifier *notifier);

/* A ConditionFunction; `data` is the notifier. */
void notifier_tell(void *data, const Object *object, const json_t *condition);
