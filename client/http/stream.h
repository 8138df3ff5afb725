/* A connection that carries bytes both ways without blocking: an fd, or what libmicrohttpd or
 * libcurl give in its place. */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

typedef struct Stream Stream;

typedef struct {
    /* As read(2) and write(2) of a non-blocking fd: bytes, 0 at the end, or -1 with errno; EAGAIN
     * when it would block. */
    gssize (*read)(gpointer self, void *data, gsize size);
    gssize (*write)(gpointer self, const void *data, gsize size);
    /* Bytes wait in memory, which poll(2) does not show. May be NULL. */
    gboolean (*has_pending)(gpointer self);
    void (*close)(gpointer self); /* frees self */
} StreamClass;

/* A stream over `fd`, which it owns and makes non-blocking. */
Stream *stream_new(int fd);
/* A stream of another sort; `fd` is what to poll, and belongs to self. */
Stream *stream_new_class(const StreamClass *class, gpointer self, int fd);
void stream_free(Stream *stream);

/* Bytes that were read from the connection before the stream was made come first. */
void stream_unread(Stream *stream, const void *data, gsize size);
/* Bytes are waiting that poll(2) does not show. */
gboolean stream_has_pending(Stream *stream);

int stream_fd(const Stream *stream);
gssize stream_read(Stream *stream, void *data, gsize size);
gssize stream_write(Stream *stream, const void *data, gsize size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stream, stream_free)
