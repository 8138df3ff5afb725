/* Images that come from other servers (IMG-035..045), or are sent by a client: known by their
 * fingerprint when a plan is made, fetched when it is carried out. Servers are asked once a minute
 * at most for the same thing, and an image is fetched once, whoever needs it at the same time. */
#pragma once

#include "driver.h"

/* Finds out what `image` is: asks its server unless it is known, or a lock names it (EN-09).
 * `generated` gets "fingerprint", "architecture", "type", "update_source", and of a new one what
 * the server says besides. A newer image that is not wanted is a remark (driver_remark in
 * `generated`).
 */
gboolean arrival_resolve(Host *host, const Context *context, const Object *image, json_t *generated,
                         GError **error);

/* The same of an image whose files a client sends: it has that fingerprint; NULL: it stays what it
 * is. */
void arrival_resolve_sent(json_t *generated, const char *fingerprint);
/* Whether it is such an image; and from now on it is none. */
gboolean arrival_is_sent(const json_t *generated);
void arrival_forget_sent(json_t *generated);
/* Takes the files of one in, unlinked ones of the state directory (`rootfs` -1: none), for the next
 * fetch of it. ERR_INVALID when they are not what the fingerprint says. */
gboolean arrival_take(Host *host, const char *fingerprint, int file, int rootfs, GError **error);

/* What the server of a source has now: {"fingerprint", "architecture", "date"}; the date is now
 * when the server says none. */
json_t *arrival_ask(Host *host, const json_t *source, GError **error);

/* Whether the files of the image that `generated` means are here, in the store or on the way to it.
 */
gboolean arrival_is_here(Host *host, const json_t *generated);

/* Gets them here and checks them. `generated` gets what only the files show. */
gboolean arrival_fetch(Host *host, const Object *image, json_t *generated,
                       const FetchReport *report, GError **error);

/* After the commit: forgets what only had to be kept until then. */
void arrival_done(Host *host, const char *fingerprint);
