/* Contents of secrets (EN-05), sealed: STATE/secrets/DIGEST, encrypted with AES-256-GCM by the key
 * beside them, readable by nobody but root. The model and everything made of it (store, journal,
 * facts, plans) knows digests only, which are HMAC-SHA256 with a key of its own made of the same. A
 * content is kept here because it must be there when its reference is not any more: when an apply
 * is undone after the file has changed, when a container starts at boot, when a generation is
 * brought back. */
#pragma once

#include "secrets.h"

#define SEALED_FOLDER "secrets"
#define SEALED_MAX_BYTES (1u << 20)

typedef struct Sealed Sealed;

/* The store of a state directory. Nothing is read or written yet. */
Sealed *sealed_new(const char *dir);
void sealed_free(Sealed *sealed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sealed, sealed_free)

/* The content that a reference names now: of a file that only its owner and group may read, of the
 * environment, of $CREDENTIALS_DIRECTORY. One newline at its end is not part of it. The bytes end
 * with a NUL that is not counted, and are wiped when they are freed. */
GBytes *sealed_read(const char *reference, GError **error);

/* Keyed digest of a content. Without a state directory the key is this process's own until the
 * first sealed_put. Newly allocated. */
char *sealed_digest(Sealed *sealed, GBytes *content, GError **error);

/* Keeps a content durably. Needs the state lock. */
gboolean sealed_put(Sealed *sealed, const char *digest, GBytes *content, GError **error);
/* Makes the key durable, for who writes digests elsewhere. */
gboolean sealed_keep_key(Sealed *sealed, GError **error);
/* Whether no content is kept. */
gboolean sealed_is_empty(Sealed *sealed);
/* Deletes what is not among `digests` (a set of char *). Needs the state lock. */
void sealed_forget_others(Sealed *sealed, GHashTable *digests);

/* Texts with the contents in them. Wipe what is made: sealed_wipe(), or json_wipe_freed() for the
 * process. ERR_NOT_FOUND when a content is not kept. */
char *sealed_reveal(const char *dir, const char *text, GError **error);
json_t *sealed_reveal_all(const char *dir, const json_t *value, GError **error);
void sealed_wipe(char *text);
