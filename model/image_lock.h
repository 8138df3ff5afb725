/* images.lock: which image a name on a server meant when it was locked (EN-09). A file beside the
 * state files, made by `berth lock`:
 *
 *   version: 1
 *   images:
 *   - alias: debian/12              # or url; with server, protocol, project, image_type as in a
 * source server: https://images.example protocol: simplestreams architecture: x86_64 fingerprint:
 * 64 hex digits date: 2026-01-01T00:00:00Z    # of the image, as far as its server says
 *
 * In memory it is {ORIGIN: [ENTRY...]}: see image_origin.h; an ENTRY is an object of these fields
 * and
 * "$where" ("FILE:LINE:COLUMN"). */
#pragma once

#include "validate.h"

#define IMAGE_LOCK_NAME "images.lock"

gboolean image_lock_is_named(const char *name); /* whether a path is that of a lock file */
/* The lock file beside a state file, or in a directory of them. Newly allocated. */
char *image_lock_path(const char *path);

/* Adds what a text says to `locks`, a mutable object. Mistakes go to `problems`. */
void image_lock_parse(json_t *locks, const char *name, const char *text, gsize length,
                      Problems *problems);

/* The entry of an origin and an architecture; NULL when there is none. Borrowed. */
json_t *image_lock_find(const json_t *locks, const char *origin, const char *architecture);

/* The entry of an origin that fits best a host of these architectures (an array of names, best
 * first); NULL when there is none. Borrowed. */
json_t *image_lock_best(const json_t *locks, const char *origin, const json_t *architectures);

/* An entry for `source` ("architecture" and so on are set by the caller), put in the place of the
 * former one. Borrowed. */
json_t *image_lock_put(json_t *locks, const json_t *source, const char *architecture);

/* The text of the file: the same for the same entries, whatever their order. Newly allocated. */
char *image_lock_print(const json_t *locks);
