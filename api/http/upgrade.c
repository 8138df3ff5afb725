/* Connections that become streams. Both sorts are taken out of libmicrohttpd's hands at once.
 *
 * A plain socket leaves it altogether. The TLS session of the other sort is the library's until the
 * end, and would forward through a socket pair four bytes at a time: its buffers are what the
 * header of the answer left of the connection's memory, which is nothing, so that it takes its
 * emergency buffer of eight (0.9.75). The stream uses the session itself instead, on a copy of the
 * socket, and under the socket's number the library finds a descriptor where nothing ever happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "file.h"
#include "http/request_private.h"
#include "http/stream.h"

typedef struct {
    GMutex lock; /* of all: the server may stop while the owner reads */
    int fd;
    gnutls_session_t session; /* NULL once it is let go */
    gsize stuck;              /* size of a write that GnuTLS has taken but not sent */
    struct MHD_Daemon *daemon;
    struct MHD_UpgradeResponseHandle *handle;
} TlsStream;

/* Streams may outlive their server, so neither this list nor its lock is the server's. */
static GMutex list_lock;
static GList *list;

/* The result of GnuTLS in the terms of read(2) and write(2). */
static gssize result_of(gssize result)
{
    if (result >= 0)
        return result;
    errno = result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED ? EAGAIN : ECONNRESET;
    return -1;
}

static gssize tls_read(gpointer self, void *data, gsize size)
{
    TlsStream *stream = self;
    gssize got = 0;

    g_mutex_lock(&stream->lock);
    if (stream->session != NULL)
        got = result_of(gnutls_record_recv(stream->session, data, size));
    g_mutex_unlock(&stream->lock);
    return got;
}

/* What GnuTLS could not send it keeps, and wants to be called for again; the caller comes back with
 * the same bytes. */
static gssize tls_write(gpointer self, const void *data, gsize size)
{
    TlsStream *stream = self;
    gssize put = -1;

    g_mutex_lock(&stream->lock);
    errno = EPIPE;
    if (stream->session != NULL && stream->stuck > 0)
        put = result_of(gnutls_record_send(stream->session, NULL, 0));
    else if (stream->session != NULL)
        put = result_of(gnutls_record_send(stream->session, data, size));
    if (put < 0 && errno == EAGAIN && stream->stuck == 0)
        stream->stuck = size;
    else if (put >= 0)
        stream->stuck = 0;
    g_mutex_unlock(&stream->lock);
    return put;
}

static gboolean tls_has_pending(gpointer self)
{
    TlsStream *stream = self;
    gboolean pending;

    g_mutex_lock(&stream->lock);
    pending = stream->session != NULL && gnutls_record_check_pending(stream->session) > 0;
    g_mutex_unlock(&stream->lock);
    return pending;
}

/* Gives the session back to the library, which frees it in its own thread. */
static void let_go(TlsStream *stream)
{
    g_mutex_lock(&stream->lock);
    if (stream->session != NULL) {
        gnutls_bye(stream->session, GNUTLS_SHUT_WR);
        gnutls_transport_set_int(stream->session, -1);
        stream->session = NULL;
        shutdown(stream->fd, SHUT_RDWR);
        MHD_upgrade_action(stream->handle, MHD_UPGRADE_ACTION_CLOSE);
    }
    g_mutex_unlock(&stream->lock);
}

static void tls_close(gpointer self)
{
    TlsStream *stream = self;

    g_mutex_lock(&list_lock);
    let_go(stream);
    list = g_list_remove(list, stream);
    g_mutex_unlock(&list_lock);
    close(stream->fd);
    g_mutex_clear(&stream->lock);
    g_free(stream);
}

void upgrade_release_all(struct MHD_Daemon *daemon)
{
    g_mutex_lock(&list_lock);
    for (GList *at = list; at != NULL; at = at->next)
        if (((TlsStream *)at->data)->daemon == daemon)
            let_go(at->data);
    g_mutex_unlock(&list_lock);
}

/* As GnuTLS's own: that of a connection behind a proxy (http/proxy.h) was the transport's. */
static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
    return recv((int)(intptr_t)pointer, data, size, 0);
}

/* NULL when there are no descriptors left, or when the client sent more than a request before it
 * was asked to: the library would read what GnuTLS has of it, in its own thread. */
static Stream *tls_stream_new(struct MHD_Connection *connection, int sock,
                              struct MHD_UpgradeResponseHandle *handle)
{
    static const StreamClass class = {tls_read, tls_write, tls_has_pending, tls_close};
    gnutls_session_t session =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
    g_auto(Fd) fd = fcntl(sock, F_DUPFD_CLOEXEC, 3);
    g_auto(Fd) nothing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    TlsStream *stream;

    if (fd < 0 || nothing < 0 || gnutls_record_check_pending(session) > 0 ||
        dup3(nothing, sock, O_CLOEXEC) < 0)
        return NULL;
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_int(session, fd);
    stream = g_new0(TlsStream, 1);
    g_mutex_init(&stream->lock);
    stream->fd = fd_steal(&fd);
    stream->session = session;
    stream->daemon = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_DAEMON)->daemon;
    stream->handle = handle;
    g_mutex_lock(&list_lock);
    list = g_list_prepend(list, stream);
    g_mutex_unlock(&list_lock);
    return stream_new_class(&class, stream, stream->fd);
}

static Stream *plain_stream_new(int sock)
{
    int fd = fcntl(sock, F_DUPFD_CLOEXEC, 3);

    return fd >= 0 ? stream_new(fd) : NULL;
}

static void on_upgrade(void *data, struct MHD_Connection *connection, void *context,
                       const char *extra, size_t extra_size, MHD_socket sock,
                       struct MHD_UpgradeResponseHandle *handle)
{
    Request *request = data;
    gboolean is_tls =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION) != NULL;
    void (*upgraded)(Stream * stream, void *data) = request->upgraded;
    int on = 1;
    Stream *stream;

    /* Small messages must not wait for the acknowledgement of the ones before: 44 ms a round trip
     * without. */
    setsockopt(request->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    stream = is_tls ? tls_stream_new(connection, request->socket, handle) : plain_stream_new(sock);
    if (stream == NULL || !is_tls)
        MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
    if (stream != NULL)
        stream_unread(stream, extra, extra_size);
    request->upgraded = NULL;
    upgraded(stream, request->upgraded_data);
}

void request_upgrade(Request *request, const char *protocol, Headers headers,
                     void (*upgraded)(Stream *stream, void *data), void *data)
{
    struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, request);

    MHD_add_response_header(response, "Upgrade", protocol);
    answer_add_headers(response, headers);
    if (!request_set_upgrade(request, 101, response, upgraded, data))
        upgraded(NULL, data);
}
