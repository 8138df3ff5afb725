/* The trust password as it is stored: salted, hashed with scrypt (AUTH-26). */
#pragma once

#include <glib.h>

/* 32 bytes of salt and 64 of scrypt (N=16384, r=8, p=1) in hex. Newly allocated. */
char *password_hash(const char *password);

/* Whether the password fits what is stored, in constant time. What a state file says in plain text
 * fits too. */
gboolean password_matches(const char *stored, const char *password);
/* The same for what the model holds, which may be a secret of a state file (EN-05), kept in `dir`.
 */
gboolean password_matches_stored(const char *dir, const char *stored, const char *password);
