/* Who mentions whom, looked up by word: so that a change of one object finds those that depend on
 * it without a walk over all.
 *
 * An answer may hold too much, never too little: an object that once mentioned a word stays listed
 * until everything is read anew. Whoever asks looks at the objects themselves then. */
#pragma once

#include "object.h"

typedef struct Mentions Mentions;

Mentions *mentions_new(void);
Mentions *mentions_ref(Mentions *mentions);
void mentions_unref(Mentions *mentions);

/* Reads what an object's own spec and drawn values mention. May be called from several threads. */
void mentions_add(Mentions *mentions, const Object *object);
/* How many objects were read so far, again ones too if they mentioned something new. */
guint mentions_count(Mentions *mentions);

/* Keys of the objects that mention a word, put into `keys` (a set of char *, owned by the set). */
void mentions_collect(Mentions *mentions, const char *word, GHashTable *keys);

/* The word for an object of a kind, for a MAC or IP address of a NIC, and for the name that one
 * drew for its link on the host. Newly allocated. */
char *mention_of(KindId kind, const char *name);
char *mention_of_address(const char *address);
char *mention_of_link(const char *name);
