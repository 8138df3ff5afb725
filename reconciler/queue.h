/* Which objects are to be looked at again, and when (EN-41): keyed by object, without duplicates,
 * not before what happens around it has settled, and less and less often while it fails. Pure: it
 * has no clock and no thread; all times are microseconds of one monotonic clock. */
#pragma once

#include <glib.h>

typedef struct Queue Queue;

typedef enum {
    QUEUE_CONVERGED, /* nothing to do */
    QUEUE_HEALED,    /* put right; over and over again counts as a failure */
    QUEUE_FAILED,    /* again after a while, twice as long each time */
    QUEUE_UNSURE,    /* once more, soon */
    QUEUE_BUSY,      /* somebody changes it: queue_post tells when that ends */
} QueueResult;

Queue *queue_new(void);
void queue_free(Queue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Queue, queue_free)

/* Something happened to an object. */
void queue_post(Queue *queue, const char *key, gint64 now);
/* A new revision of it: earlier failures mean nothing any more. */
void queue_reset(Queue *queue, const char *key, gint64 now);
void queue_forget(Queue *queue, const char *key);

/* Takes what is due (of char *, newly allocated); each stays taken until queue_done. */
GPtrArray *queue_take(Queue *queue, gint64 now);
/* When the next one is due; -1: none is. */
gint64 queue_next(const Queue *queue);

/* What came of one that was taken. Returns how long it waits now before it is tried again, in
 * microseconds; 0: not at all. */
gint64 queue_done(Queue *queue, const char *key, QueueResult result, gint64 now);
