/* What berth remembers beside the model, each a JSON value by space and key: how sources are
 * (SPACE_SOURCES), what is held (SPACE_HOLDS) and what files want of that (SPACE_HELD), when images
 * were used (SPACE_IMAGES). It is durable,
 * but no part of generations. Several notes are written as {space: {key: value}}; a null takes one
 * out. */
#pragma once

#include "store.h"

#define SPACE_SOURCES "sources" /* key: the source's name; see source_status.h */
#define SPACE_HOLDS "holds"     /* key: see holds.h */
#define SPACE_HELD "held"       /* key: as in SPACE_HOLDS; see holds.h */
#define SPACE_IMAGES "images"   /* key: the image's object; see image_clock.h */

/* All of a space, by key. New reference. */
json_t *notes_all(Store *store, const char *space, GError **error);
/* One of them; NULL without an error when there is none. New reference. */
json_t *notes_get(Store *store, const char *space, const char *key, GError **error);

/* Within store_begin. `notes` may be NULL. */
gboolean notes_write(Store *store, const json_t *notes, GError **error);
/* Takes out what is known of a source or image that is deleted, by its object's key; of others
 * nothing. */
gboolean notes_forget(Store *store, const char *key, GError **error);
/* The same as a write of its own, which waits for the disk. */
gboolean notes_save(Store *store, const json_t *notes, GError **error);

/* Adds one note to a set of them, which is made when it is NULL. `value` is stolen; NULL: null. */
void notes_add(json_t **notes, const char *space, const char *key, json_t *value);
/* Adds all of another set (may be NULL); where both have a note, `more` counts. */
void notes_join(json_t **notes, const json_t *more);
