#include "http/server.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "http/listen.h"
#include "http/request_private.h"
#include "http/server_private.h"

/* The time that answers have to leave when the server stops. */
#define LAST_WORDS_MS 1000

/* Listener's daemon has ended, or never began. */
static void listener_free(HttpListener *listener)
{
    if (listener->path != NULL)
        unlink(listener->path);
    if (listener->fd >= 0)
        close(listener->fd);
    tls_unref(listener->tls);
    g_free(listener->address);
    g_free(listener->path);
    g_free(listener);
}

static void listener_stop(HttpListener *listener)
{
    upgrade_release_all(listener->daemon);
    MHD_stop_daemon(listener->daemon);
    listener_free(listener);
}

static gboolean is_idle(const HttpListener *listener)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info->num_connections == 0;
}

/* In the thread of the watch: ends listeners that were removed and whose connections are gone. */
static void end_retired(gpointer data)
{
    HttpServer *server = data;
    g_autoptr(GPtrArray) idle = g_ptr_array_new();

    g_mutex_lock(&server->lock);
    for (guint i = server->retired->len; i-- > 0;)
        if (is_idle(server->retired->pdata[i]))
            g_ptr_array_add(idle, g_ptr_array_steal_index_fast(server->retired, i));
    g_mutex_unlock(&server->lock);
    for (guint i = 0; i < idle->len; i++)
        listener_stop(idle->pdata[i]);
}

HttpServer *http_server_new(const HttpHandlers *handlers, const HttpLimits *limits)
{
    HttpServer *server = g_new0(HttpServer, 1);
    HttpLimits *own = &server->limits;

    server->handlers = *handlers;
    if (limits != NULL)
        *own = *limits;
    own->idle_seconds = own->idle_seconds != 0 ? own->idle_seconds : 120;
    own->progress_seconds = own->progress_seconds != 0 ? own->progress_seconds : 60;
    own->connections = own->connections != 0 ? own->connections : 8192;
    own->connections_per_address =
        own->connections_per_address != 0 ? own->connections_per_address : 512;
    own->header_bytes = own->header_bytes != 0 ? own->header_bytes : 64 * 1024;
    server->spool = g_strdup(own->spool != NULL ? own->spool : g_get_tmp_dir());
    own->spool = server->spool;
    g_mutex_init(&server->lock);
    server->listeners = g_ptr_array_new();
    server->retired = g_ptr_array_new();
    server->peers = peers_new(own->connections_per_address);
    server->watch = watch_new(end_retired, server);
    return server;
}

static void answer_waiting(HttpServer *server)
{
    g_autoptr(GPtrArray) waiting = watch_waiting_all(server->watch);

    for (guint i = 0; i < waiting->len; i++)
        request_set_response(waiting->pdata[i], 503, answer_new(NULL, NULL));
}

static void set_stopping(HttpServer *server, GPtrArray *listeners)
{
    for (guint i = 0; i < listeners->len; i++) {
        HttpListener *listener = listeners->pdata[i];

        __atomic_store_n(&listener->stopping, TRUE, __ATOMIC_RELEASE);
    }
}

void http_server_free(HttpServer *server)
{
    g_autoptr(GPtrArray) all = NULL;

    if (server == NULL)
        return;
    g_mutex_lock(&server->lock);
    all = g_steal_pointer(&server->retired);
    server->retired = g_ptr_array_new();
    g_ptr_array_extend_and_steal(all, g_steal_pointer(&server->listeners));
    g_mutex_unlock(&server->lock);
    set_stopping(server, all);
    /* A request that is in a handler now sees the mark when it comes out; one that came out before
     * is in the set. */
    answer_waiting(server);
    for (guint i = 0; i < LAST_WORDS_MS && g_atomic_int_get(&server->unfinished) > 0; i++)
        g_usleep(1000);
    for (guint i = 0; i < all->len; i++)
        listener_stop(all->pdata[i]);
    watch_free(server->watch);
    peers_free(server->peers);
    g_ptr_array_unref(server->retired);
    g_mutex_clear(&server->lock);
    g_free(server->spool);
    g_free(server);
}

/* Consumes fd and path. */
static HttpListener *add(HttpServer *server, int fd, Tls *tls, guint realm, char *path,
                         GError **error)
{
    HttpListener *listener = g_new0(HttpListener, 1);

    listener->server = server;
    listener->fd = fd;
    listener->tls = tls != NULL ? tls_ref(tls) : NULL;
    listener->realm = realm;
    listener->path = path;
    listener->address = path != NULL ? g_strdup(path) : listen_address(fd, FALSE);
    listener->daemon = transport_start(listener, error);
    if (listener->daemon == NULL) {
        listener_free(listener);
        return NULL;
    }
    g_mutex_lock(&server->lock);
    g_ptr_array_add(server->listeners, listener);
    g_mutex_unlock(&server->lock);
    return listener;
}

HttpListener *http_server_add_unix(HttpServer *server, const char *path, gid_t gid, GError **error)
{
    int fd = listen_unix(path, gid, error);

    return fd >= 0 ? add(server, fd, NULL, 0, g_strdup(path), error) : NULL;
}

HttpListener *http_server_add_tcp(HttpServer *server, const char *address, guint default_port,
                                  guint tries, Tls *tls, guint realm, GError **error)
{
    int fd = listen_tcp(address, default_port, tries, error);

    return fd >= 0 ? add(server, fd, tls, realm, NULL, error) : NULL;
}

HttpListener *http_server_add_fd(HttpServer *server, int fd, Tls *tls, GError **error)
{
    g_auto(Fd) owned = fd;
    int accepting = 0;
    int domain = 0;
    socklen_t length = sizeof accepting;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &length) < 0 || !accepting ||
        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0) {
        error_set(error, ERR_INVALID,
                  "descriptor %d is no socket that listens: write ListenStream= in the socket unit",
                  fd);
        return NULL;
    }
    if (domain != AF_UNIX && tls == NULL) {
        error_set(error, ERR_INVALID, "descriptor %d is a network socket, which needs TLS", fd);
        return NULL;
    }
    return add(server, fd_steal(&owned), domain == AF_UNIX ? NULL : tls, 0, NULL, error);
}

const char *http_listener_address(const HttpListener *listener)
{
    return listener->address;
}

void http_server_remove(HttpServer *server, HttpListener *listener)
{
    __atomic_store_n(&listener->retiring, TRUE, __ATOMIC_RELAXED);
    close(MHD_quiesce_daemon(listener->daemon));
    if (listener->path != NULL)
        unlink(listener->path);
    g_clear_pointer(&listener->path, g_free);
    shutdown(listener->fd, SHUT_RDWR);
    close(listener->fd);
    listener->fd = -1;
    g_mutex_lock(&server->lock);
    g_ptr_array_remove_fast(server->listeners, listener);
    g_ptr_array_add(server->retired, listener);
    g_mutex_unlock(&server->lock);
    watch_wake(server->watch);
}

void http_server_set_proxies(HttpServer *server, const char *const *addresses)
{
    peers_set_proxies(server->peers, addresses);
}

guint http_server_connections(HttpServer *server)
{
    return watch_connections(server->watch);
}
