/* What the clock asks of images (IMG-086..092): cached ones are dropped that no new instance was
 * made from for images.remote_cache_expiry days, or whose own time is over; those that follow their
 * server are looked after every images.auto_update_interval hours. Pure. */
#pragma once

#include "snapshot.h"

/* A key of that name that projects and the server have: the project's word, else the server's, else
 * the default. Never NULL. */
const char *image_clock_config(const Snapshot *model, const char *project, const char *key);

/* Notes (notes.h, SPACE_IMAGES) that a new instance was made from its image at `now`, seconds since
 * the epoch. */
void image_clock_note(json_t **notes, const Snapshot *model, const Object *instance, gint64 now);
/* When a new instance was made from an image last, seconds since the epoch; 0: never. `uses`:
 * SPACE_IMAGES, or NULL. */
gint64 image_clock_used(const json_t *uses, const Object *image);
/* The note of one image for the one that comes in its place. `uses`: SPACE_IMAGES. */
void image_clock_move(json_t **notes, const json_t *uses, const char *from, const char *to);

/* When images were looked after: those that came after `since`, when they came. */
typedef struct {
    gint64 since;
    const json_t *checked; /* {key: seconds since the epoch} */
} ImageChecks;

typedef struct {
    GPtrArray *over;  /* of const Object *: to be dropped */
    GPtrArray *stale; /* of const Object *: to be refreshed */
    gint64 next;      /* when the next one is due, seconds since the epoch; 0: none will be */
} ImageClock;

void image_clock_clear(ImageClock *clock);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImageClock, image_clock_clear)

/* What is due at `now`, seconds since the epoch. `uses`: SPACE_IMAGES. */
void image_clock_read(const Snapshot *model, const json_t *uses, const ImageChecks *checks,
                      gint64 now, ImageClock *ret);
