/* Connections that become streams. A plain socket leaves libmicrohttpd at once. One with TLS stays:
 * the library encrypts in its own thread and gives us one end of a socket pair. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/request_private.h"
#include "http/stream.h"

typedef struct {
    int fd;
    struct MHD_Daemon *daemon;
    struct MHD_UpgradeResponseHandle *handle; /* NULL once the daemon has let go */
} TlsStream;

/* Streams may outlive their server, so neither this lock nor the list is the server's. */
static GMutex lock;
static GList *tls_streams;

static gssize tls_read(gpointer self, void *data, gsize size)
{
    return read(((TlsStream *)self)->fd, data, size);
}

static gssize tls_write(gpointer self, const void *data, gsize size)
{
    return send(((TlsStream *)self)->fd, data, size, MSG_NOSIGNAL);
}

static void let_go(TlsStream *stream)
{
    if (stream->handle != NULL)
        MHD_upgrade_action(stream->handle, MHD_UPGRADE_ACTION_CLOSE);
    stream->handle = NULL;
}

static void tls_close(gpointer self)
{
    TlsStream *stream = self;

    close(stream->fd);
    g_mutex_lock(&lock);
    let_go(stream);
    tls_streams = g_list_remove(tls_streams, stream);
    g_mutex_unlock(&lock);
    g_free(stream);
}

void upgrade_release_all(struct MHD_Daemon *daemon)
{
    g_mutex_lock(&lock);
    for (GList *at = tls_streams; at != NULL; at = at->next)
        if (((TlsStream *)at->data)->daemon == daemon)
            let_go(at->data);
    g_mutex_unlock(&lock);
}

static Stream *tls_stream_new(struct MHD_Connection *connection, int fd,
                              struct MHD_UpgradeResponseHandle *handle)
{
    static const StreamClass class = {tls_read, tls_write, tls_close};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_DAEMON);
    TlsStream *stream = g_new0(TlsStream, 1);

    stream->fd = fd;
    stream->daemon = info->daemon;
    stream->handle = handle;
    g_mutex_lock(&lock);
    tls_streams = g_list_prepend(tls_streams, stream);
    g_mutex_unlock(&lock);
    return stream_new_class(&class, stream, fd);
}

static void on_upgrade(void *data, struct MHD_Connection *connection, void *context,
                       const char *extra, size_t extra_size, MHD_socket sock,
                       struct MHD_UpgradeResponseHandle *handle)
{
    Request *request = data;
    const union MHD_ConnectionInfo *session =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    void (*upgraded)(Stream * stream, void *data) = request->upgraded;
    int fd = fcntl(sock, F_DUPFD_CLOEXEC, 3);
    int on = 1;
    Stream *stream = NULL;

    /* Small messages must not wait for the acknowledgement of the ones before: 44 ms a round trip
     * without. */
    setsockopt(request->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fd >= 0 && session != NULL)
        stream = tls_stream_new(connection, fd, handle);
    else if (fd >= 0)
        stream = stream_new(fd);
    if (stream == NULL || session == NULL)
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
    for (; headers != NULL && headers[0] != NULL; headers += 2)
        MHD_add_response_header(response, headers[0], headers[1]);
    if (!request_set_upgrade(request, 101, response, upgraded, data))
        upgraded(NULL, data);
}
