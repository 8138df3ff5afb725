/* Where an image comes from when that is another server: the `source` of an image or an instance
 * (IMG-035, IMG-036, IMG-042). */
#pragma once

#include "validate.h"

/* Whether a source names a server or a web address. */
gboolean image_origin_is_remote(const json_t *source);

/* Whether it says anything that only other servers have, be it complete or not. */
gboolean image_origin_is_given(const json_t *source);

/* Whether what is given of a remote source fits together. */
void image_origin_check(const Object *object, const json_t *source, Problems *problems);

/* What is asked for there, as one text: two sources that mean the same have the same, whatever
 * certificate or secret opens the door. NULL when it is no other server. Newly allocated. */
char *image_origin(const json_t *source);

/* What the source is called there: alias, fingerprint or web address. NULL when it says none.
 * Borrowed. */
const char *image_origin_name(const json_t *source);

/* Whether it may mean another image tomorrow: an alias or a web address may, a fingerprint never.
 */
gboolean image_origin_moves(const json_t *source);
