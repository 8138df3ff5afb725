/* Who made a commit (EN-45): its signature, checked by ssh-keygen or gpgv. */
#pragma once

#include "source_git.h"

/* Whether a commit may be put in force after `base` (NULL: nothing is): signed by one of the
 * source's signers, if it has any, and following from `base`, if it has to. ERR_REFUSED says what
 * is wrong. Keys are judged as of now: a signature of a key that has expired since is refused. */
gboolean source_verify(const SourceFolder *folder, const Object *source, const char *commit,
                       const char *base, GError **error);
