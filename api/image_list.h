/* Images as the API finds and shows them (API-132..148): by fingerprint, whatever name the object
 * has. */
#pragma once

#include "call.h"

/* Whether the caller may see an image: users of its project all, others public ones (AUTH-05). */
gboolean image_is_visible(const Call *call, const Object *image);

/* The image of a fingerprint or its beginning in the call's project; also for whom `secret` opens
 * it (IMG-029). NULL with ERR_NOT_FOUND, or ERR_INVALID when several begin so (IMG-001). Borrowed.
 */
const Object *image_find(Call *call, const char *fingerprint, GError **error);

/* By what it is called in a project: an alias, or the object's own name. NULL when nothing is. */
const Object *image_by_alias(const Snapshot *model, const char *project, const char *alias);
/* By its whole fingerprint. NULL when there is none. */
const Object *image_by_fingerprint(const Snapshot *model, const char *project,
                                   const char *fingerprint);

const char *image_fingerprint(const Object *image); /* NULL: not known yet */

/* The names that are aliases: the object's own, unless it is its fingerprint, and the listed ones.
 * Borrowed from the image. */
GPtrArray *image_aliases(const Object *image);

/* API Image. `uses`: the notes of SPACE_IMAGES, or NULL. */
json_t *image_wire(const Object *image, const json_t *uses);
json_t *image_alias_wire(const Object *image, const char *alias); /* API ImageAliasesEntry */
