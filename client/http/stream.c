#include "http/stream.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct Stream {
    const StreamClass *class;
    gpointer self;
    int fd;
    GByteArray *pending;
};

static gssize fd_read(gpointer self, void *data, gsize size)
{
    return read(GPOINTER_TO_INT(self), data, size);
}

/* A peer that is gone is an error here, not a signal. */
static gssize fd_write(gpointer self, const void *data, gsize size)
{
    return send(GPOINTER_TO_INT(self), data, size, MSG_NOSIGNAL);
}

static void fd_end(gpointer self)
{
    close(GPOINTER_TO_INT(self));
}

Stream *stream_new(int fd)
{
    static const StreamClass class = {fd_read, fd_write, NULL, fd_end};

    return stream_new_class(&class, GINT_TO_POINTER(fd), fd);
}

Stream *stream_new_class(const StreamClass *class, gpointer self, int fd)
{
    Stream *stream = g_new0(Stream, 1);

    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    stream->class = class;
    stream->self = self;
    stream->fd = fd;
    stream->pending = g_byte_array_new();
    return stream;
}

void stream_free(Stream *stream)
{
    if (stream == NULL)
        return;
    stream->class->close(stream->self);
    g_byte_array_unref(stream->pending);
    g_free(stream);
}

void stream_unread(Stream *stream, const void *data, gsize size)
{
    if (size > 0)
        g_byte_array_prepend(stream->pending, data, (guint)size);
}

gboolean stream_has_pending(Stream *stream)
{
    return stream->pending->len > 0 ||
           (stream->class->has_pending != NULL && stream->class->has_pending(stream->self));
}

int stream_fd(const Stream *stream)
{
    return stream->fd;
}

gssize stream_read(Stream *stream, void *data, gsize size)
{
    gsize taken = MIN(size, stream->pending->len);
    gssize got;

    if (taken > 0) {
        memcpy(data, stream->pending->data, taken);
        g_byte_array_remove_range(stream->pending, 0, (guint)taken);
        return (gssize)taken;
    }
    do {
        got = stream->class->read(stream->self, data, size);
    } while (got < 0 && errno == EINTR);
    return got;
}

gssize stream_write(Stream *stream, const void *data, gsize size)
{
    gssize put;

    do {
        put = stream->class->write(stream->self, data, size);
    } while (put < 0 && errno == EINTR);
    return put;
}
