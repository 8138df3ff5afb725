/* The functions that libmicrohttpd calls for connections and requests. They run in the thread of
 * their listener. */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <string.h>
#include <sys/socket.h>

#include "error.h"
#include "http/body.h"
#include "http/listen.h"
#include "http/proxy.h"
#include "http/request_private.h"
#include "http/server_private.h"

/* Each connection's own. */
typedef struct {
    WatchConnection *watch;
    gpointer credentials; /* of TLS, or NULL */
    int socket;
    Peer peer;
    char *address; /* of the client, behind a proxy too once that has told */
    Peers *peers;
    ProxyPull *pull;   /* NULL: the client is at the other end itself */
    Peers *counted;    /* where the address counts; NULL: nowhere */
    gboolean is_known; /* peer is filled in */
    guint64 progress;  /* bytes of a body since the deadline was set */
} Connection;

#define PROGRESS_BYTES (16 * 1024)

static const union MHD_ConnectionInfo *info(struct MHD_Connection *connection,
                                            enum MHD_ConnectionInfoType type)
{
    return MHD_get_connection_info(connection, type);
}

static Connection *connection_of(struct MHD_Connection *connection)
{
    return info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* GnuTLS reads here while a proxy may have something to say first. Who is at the other end is known
 * then, and may have too many connections already. */
static ssize_t pull_behind_proxy(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
    Connection *own = pointer;
    g_autofree char *address = NULL;
    gssize got = proxy_pull_read(own->pull, data, size, &address);

    if (address == NULL)
        return got;
    if (!peers_enter(own->peers, address)) {
        errno = ECONNREFUSED;
        return -1;
    }
    own->counted = own->peers;
    g_free(own->address);
    own->address = g_steal_pointer(&address);
    return got;
}

static void begin_tls(const HttpListener *listener, Connection *own, gnutls_session_t session)
{
    own->peers = listener->server->peers;
    own->credentials = tls_session_begin(listener->tls, session);
    if (peers_is_proxy(own->peers, own->address)) {
        own->pull = proxy_pull_new(own->socket);
        gnutls_transport_set_pull_function(session, pull_behind_proxy);
        gnutls_transport_set_ptr2(session, own, (gnutls_transport_ptr_t)(intptr_t)own->socket);
    } else if (peers_enter(own->peers, own->address)) {
        own->counted = own->peers;
    }
}

/* One address does not take what all have. */
static enum MHD_Result has_room(void *data, const struct sockaddr *address, socklen_t length)
{
    HttpListener *listener = data;
    g_autofree char *text = listen_address_text(address);

    return address->sa_family == AF_UNIX || peers_has_room(listener->server->peers, text) ? MHD_YES
                                                                                          : MHD_NO;
}

static void on_connection(void *data, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    HttpListener *listener = data;
    Connection *own = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        own = *context = g_new0(Connection, 1);
        own->socket = info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        own->address = listen_address(own->socket, TRUE);
        if (listener->tls != NULL)
            begin_tls(listener, own,
                      info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session);
        own->watch = watch_connection_new(listener->server->watch, own->socket);
        watch_connection_deadline(own->watch, listener->server->limits.idle_seconds);
        return;
    }
    watch_connection_free(own->watch);
    if (own->credentials != NULL)
        tls_session_end(own->credentials);
    if (own->peer.certificate != NULL)
        g_bytes_unref(own->peer.certificate);
    if (own->counted != NULL)
        peers_leave(own->counted, own->address);
    proxy_pull_free(own->pull);
    g_free(own->address);
    g_free(own);
}

static void learn_peer(const HttpListener *listener, struct MHD_Connection *connection,
                       Connection *own)
{
    struct ucred credentials = {0, (uid_t)-1, (gid_t)-1};
    socklen_t length = sizeof credentials;

    own->is_known = TRUE;
    if (listener->tls == NULL) {
        getsockopt(own->socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length);
        own->peer = (Peer){.is_unix = TRUE,
                           .uid = credentials.uid,
                           .gid = credentials.gid,
                           .pid = credentials.pid,
                           .address = own->address};
    } else {
        guint count = 0;
        const gnutls_datum_t *chain = gnutls_certificate_get_peers(
            info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session, &count);

        own->peer = (Peer){.uid = (uid_t)-1, .gid = (gid_t)-1, .address = own->address};
        if (count > 0 && tls_accepts(listener->tls, chain, count))
            own->peer.certificate = g_bytes_new(chain[0].data, chain[0].size);
    }
    own->peer.realm = listener->realm;
}

/* The raw target is only given here, before the rest of the header. */
static void *on_target(void *data, const char *target, struct MHD_Connection *connection)
{
    HttpListener *listener = data;

    return request_new(target, listener->server->watch);
}

static void on_completed(void *data, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    HttpListener *listener = data;
    Connection *own = connection_of(connection);

    if (*context != NULL) {
        Request *request = *context;

        if (request->method != NULL && request->status != 101)
            g_atomic_int_dec_and_test(&listener->server->unfinished);
        request_end(request);
    }
    *context = NULL;
    if (own != NULL)
        watch_connection_deadline(own->watch, listener->server->limits.idle_seconds);
}

static enum MHD_Result take_header(void *data, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    Request *request = data;

    g_ptr_array_add(request->headers, g_strdup(name));
    g_ptr_array_add(request->headers, g_strdup(value != NULL ? value : ""));
    return MHD_YES;
}

static void answer_text(Request *request, guint status, const char *text)
{
    g_autoptr(GBytes) body = g_bytes_new(text, strlen(text));
    const char *const headers[] = {"Content-Type", "text/plain; charset=utf-8", NULL};

    request_answer(request, status, headers, body);
}

/* Hands the answer to libmicrohttpd. */
static enum MHD_Result queue(const HttpListener *listener, struct MHD_Connection *connection,
                             Request *request)
{
    struct MHD_Response *response = g_steal_pointer(&request->response);
    enum MHD_Result result;

    if (request->extra != NULL) {
        g_ptr_array_add(request->extra, NULL);
        answer_add_headers(response, (Headers)request->extra->pdata);
    }
    if (__atomic_load_n(&listener->retiring, __ATOMIC_RELAXED) && request->status != 101)
        MHD_add_response_header(response, "Connection", "close");
    /* A stream is over when its owner says so. */
    if (request->status == 101)
        g_atomic_int_dec_and_test(&listener->server->unfinished);
    watch_connection_deadline(connection_of(connection)->watch, 0);
    result = MHD_queue_response(connection, request->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result begin(HttpListener *listener, struct MHD_Connection *connection,
                             Request *request, const char *method)
{
    const HttpHandlers *handlers = &listener->server->handlers;
    BodyPolicy policy = {BODY_MEMORY, 1024 * 1024};
    Connection *own = connection_of(connection);
    g_autoptr(GError) error = NULL;

    g_atomic_int_inc(&listener->server->unfinished);
    if (!own->is_known)
        learn_peer(listener, connection, own);
    own->progress = 0;
    watch_connection_deadline(own->watch, listener->server->limits.progress_seconds);
    request->connection = connection;
    request->socket = own->socket;
    request->method = g_strdup(method);
    request->peer = own->peer;
    request->peer.address = request->peer_address = g_strdup(own->address);
    if (own->peer.certificate != NULL)
        g_bytes_ref(own->peer.certificate);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, take_header, request);
    request->target = target_parse(request->text, &error);
    if (request->target == NULL)
        answer_text(request, 400, error->message);
    else if (__atomic_load_n(&listener->stopping, __ATOMIC_ACQUIRE))
        answer_text(request, 503, "the server is stopping");
    else if (handlers->header != NULL)
        policy = handlers->header(request, handlers->data);
    if (request->phase == PHASE_READING)
        body_begin(request, &policy);
    return request->phase == PHASE_ANSWERED ? queue(listener, connection, request) : MHD_YES;
}

/* The request is complete: the handler answers now, or the connection sleeps until an answer comes.
 */
static enum MHD_Result call(HttpListener *listener, struct MHD_Connection *connection,
                            Request *request)
{
    gboolean answered;

    watch_connection_deadline(connection_of(connection)->watch, 0);
    request_ref(request);
    g_mutex_lock(&request->lock);
    request->phase = PHASE_CALLED;
    g_mutex_unlock(&request->lock);
    listener->server->handlers.request(request, listener->server->handlers.data);
    g_mutex_lock(&request->lock);
    answered = request->phase == PHASE_ANSWERED;
    if (!answered) {
        /* Listed before anybody can see it suspended, so that a server that stops finds it. */
        watch_waiting(request->watch, request, TRUE);
        MHD_suspend_connection(connection);
        request->phase = PHASE_SUSPENDED;
    }
    g_mutex_unlock(&request->lock);
    if (answered) {
        enum MHD_Result result = queue(listener, connection, request);

        request_unref(request);
        return result;
    }
    if (__atomic_load_n(&listener->stopping, __ATOMIC_ACQUIRE))
        answer_text(request, 503, "the server is stopping");
    /* Answers 500 when nobody kept it. */
    request_unref(request);
    return MHD_YES;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    HttpListener *listener = data;
    const HttpServer *server = listener->server;
    Request *request = *context;
    Connection *own = connection_of(connection);

    if (request->method == NULL)
        return begin(listener, connection, request, method);
    if (*upload_size > 0) {
        gsize size = *upload_size;

        *upload_size = 0;
        own->progress += size;
        if (own->progress >= PROGRESS_BYTES) {
            own->progress = 0;
            watch_connection_deadline(own->watch, server->limits.progress_seconds);
        }
        return body_add(request, server->spool, upload, size) ? MHD_YES : MHD_NO;
    }
    /* Resumed. */
    if (request->phase == PHASE_ANSWERED)
        return queue(listener, connection, request);
    if (!body_end(request))
        return queue(listener, connection, request);
    return call(listener, connection, request);
}

/* The target is taken apart by http/target.h. */
static size_t leave_escaped(void *data, struct MHD_Connection *connection, char *text)
{
    return strlen(text);
}

/* What libmicrohttpd has to say is about single clients. */
static void log_nothing(void *data, const char *format, va_list arguments)
{
}

/* libmicrohttpd wants a certificate of its own, but each session has tls_session_begin()'s. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *issuers, int count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                          gnutls_pcert_st **ret_certificates, unsigned *ret_count,
                          gnutls_privkey_t *ret_key)
{
    return -1;
}

struct MHD_Daemon *transport_start(HttpListener *listener, GError **error)
{
    const HttpLimits *limits = &listener->server->limits;
    guint flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE |
                  MHD_USE_ITC | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)no_certificate},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITY},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_Daemon *daemon;

    if (listener->tls != NULL)
        flags |= MHD_USE_TLS;
    else
        secure[0].option = MHD_OPTION_END;
    daemon = MHD_start_daemon(
        flags, 0, has_room, listener, on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, log_nothing,
        NULL, MHD_OPTION_LISTEN_SOCKET,
        /* It closes the one that it gets. */
        fcntl(listener->fd, F_DUPFD_CLOEXEC, 3), MHD_OPTION_URI_LOG_CALLBACK, on_target, listener,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, listener, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, listener, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_CONNECTION_LIMIT, limits->connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)limits->header_bytes, MHD_OPTION_CONNECTION_TIMEOUT,
        MAX(limits->idle_seconds, limits->progress_seconds), MHD_OPTION_ARRAY, secure,
        MHD_OPTION_END);
    if (daemon == NULL)
        error_set(error, ERR_FAILED, "the HTTP server for %s does not start", listener->address);
    return daemon;
}
