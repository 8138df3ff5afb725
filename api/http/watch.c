#include "http/watch.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/request_private.h"

struct Watch {
    GMutex lock;
    GThread *thread;
    int epoll;
    int wake;
    gboolean stop;
    guint64 last_id;
    GHashTable *requests;    /* id -> Request, borrowed */
    GHashTable *waiting;     /* Request, borrowed */
    GHashTable *connections; /* WatchConnection, borrowed */
    void (*every)(gpointer data);
    gpointer data;
};

struct WatchConnection {
    Watch *watch;
    int socket;
    gint64 deadline; /* monotonic microseconds, or 0; atomic */
};

#define WAKE_ID 0

void watch_wake(Watch *watch)
{
    guint64 one = 1;

    g_assert(write(watch->wake, &one, sizeof one) == sizeof one);
}

/* An entry is dropped before its request is freed, and dropping waits for the lock: what is in the
 * table is alive. */
static void peer_left(Watch *watch, guint64 id)
{
    Request *request;

    g_mutex_lock(&watch->lock);
    request = g_hash_table_lookup(watch->requests, &id);
    if (request != NULL) {
        request_keep(request);
        epoll_ctl(watch->epoll, EPOLL_CTL_DEL, request->socket, NULL);
        g_hash_table_remove(watch->requests, &id);
    }
    g_mutex_unlock(&watch->lock);
    if (request != NULL) {
        request_gone(request);
        request_release(request);
    }
}

static void end_late_connections(Watch *watch)
{
    gint64 now = g_get_monotonic_time();
    GHashTableIter iter;
    gpointer connection;

    g_mutex_lock(&watch->lock);
    g_hash_table_iter_init(&iter, watch->connections);
    while (g_hash_table_iter_next(&iter, &connection, NULL)) {
        WatchConnection *late = connection;
        gint64 deadline = __atomic_load_n(&late->deadline, __ATOMIC_RELAXED);

        if (deadline != 0 && deadline < now)
            shutdown(late->socket, SHUT_RDWR);
    }
    g_mutex_unlock(&watch->lock);
}

static gpointer run(gpointer data)
{
    Watch *watch = data;
    gint64 next = 0;

    while (!__atomic_load_n(&watch->stop, __ATOMIC_ACQUIRE)) {
        struct epoll_event events[64];
        int timeout = watch_connections(watch) > 0 ? 1000 : -1;
        int count = epoll_wait(watch->epoll, events, G_N_ELEMENTS(events), timeout);
        guint64 sink;

        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 != WAKE_ID)
                peer_left(watch, events[i].data.u64);
            else
                next = read(watch->wake, &sink, sizeof sink) > 0 ? 0 : next;
        }
        if (g_get_monotonic_time() >= next) {
            end_late_connections(watch);
            watch->every(watch->data);
            next = g_get_monotonic_time() + G_USEC_PER_SEC;
        }
    }
    return NULL;
}

Watch *watch_new(void (*every)(gpointer data), gpointer data)
{
    Watch *watch = g_new0(Watch, 1);
    struct epoll_event event = {EPOLLIN, {.u64 = WAKE_ID}};

    g_mutex_init(&watch->lock);
    watch->every = every;
    watch->data = data;
    watch->requests = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    watch->waiting = g_hash_table_new(NULL, NULL);
    watch->connections = g_hash_table_new(NULL, NULL);
    watch->epoll = epoll_create1(EPOLL_CLOEXEC);
    watch->wake = eventfd(0, EFD_CLOEXEC);
    /* Without descriptors at the start of a server there is nothing to go on with. */
    g_assert(watch->epoll >= 0 && watch->wake >= 0);
    g_assert(epoll_ctl(watch->epoll, EPOLL_CTL_ADD, watch->wake, &event) == 0);
    watch->thread = g_thread_new("http-watch", run, watch);
    return watch;
}

void watch_free(Watch *watch)
{
    if (watch == NULL)
        return;
    __atomic_store_n(&watch->stop, TRUE, __ATOMIC_RELEASE);
    watch_wake(watch);
    g_thread_join(watch->thread);
    g_assert(g_hash_table_size(watch->requests) == 0 && g_hash_table_size(watch->waiting) == 0 &&
             g_hash_table_size(watch->connections) == 0);
    g_hash_table_unref(watch->requests);
    g_hash_table_unref(watch->waiting);
    g_hash_table_unref(watch->connections);
    close(watch->epoll);
    close(watch->wake);
    g_mutex_clear(&watch->lock);
    g_free(watch);
}

guint64 watch_add(Watch *watch, Request *request, int socket)
{
    /* Half a close is all that shows: a suspended connection is not read. */
    struct epoll_event event = {EPOLLRDHUP | EPOLLONESHOT, {0}};
    guint64 id;

    g_mutex_lock(&watch->lock);
    id = ++watch->last_id;
    event.data.u64 = id;
    g_hash_table_insert(watch->requests, g_memdup2(&id, sizeof id), request);
    epoll_ctl(watch->epoll, EPOLL_CTL_ADD, socket, &event);
    g_mutex_unlock(&watch->lock);
    return id;
}

void watch_drop(Watch *watch, guint64 id)
{
    Request *request;

    g_mutex_lock(&watch->lock);
    request = g_hash_table_lookup(watch->requests, &id);
    if (request != NULL)
        epoll_ctl(watch->epoll, EPOLL_CTL_DEL, request->socket, NULL);
    g_hash_table_remove(watch->requests, &id);
    g_mutex_unlock(&watch->lock);
}

void watch_waiting(Watch *watch, Request *request, gboolean waiting)
{
    g_mutex_lock(&watch->lock);
    if (waiting)
        g_hash_table_add(watch->waiting, request);
    else
        g_hash_table_remove(watch->waiting, request);
    g_mutex_unlock(&watch->lock);
}

static void release(gpointer request)
{
    request_release(request);
}

GPtrArray *watch_waiting_all(Watch *watch)
{
    GPtrArray *all = g_ptr_array_new_with_free_func(release);
    GHashTableIter iter;
    gpointer request;

    g_mutex_lock(&watch->lock);
    g_hash_table_iter_init(&iter, watch->waiting);
    while (g_hash_table_iter_next(&iter, &request, NULL)) {
        request_keep(request);
        g_ptr_array_add(all, request);
    }
    g_mutex_unlock(&watch->lock);
    return all;
}

WatchConnection *watch_connection_new(Watch *watch, int socket)
{
    WatchConnection *connection = g_new0(WatchConnection, 1);
    guint count;

    connection->watch = watch;
    connection->socket = socket;
    g_mutex_lock(&watch->lock);
    g_hash_table_add(watch->connections, connection);
    count = g_hash_table_size(watch->connections);
    g_mutex_unlock(&watch->lock);
    if (count == 1)
        watch_wake(watch);
    return connection;
}

void watch_connection_free(WatchConnection *connection)
{
    Watch *watch = connection->watch;

    g_mutex_lock(&watch->lock);
    g_hash_table_remove(watch->connections, connection);
    g_mutex_unlock(&watch->lock);
    g_free(connection);
}

void watch_connection_deadline(WatchConnection *connection, guint seconds)
{
    gint64 deadline = seconds > 0 ? g_get_monotonic_time() + seconds * G_USEC_PER_SEC : 0;

    __atomic_store_n(&connection->deadline, deadline, __ATOMIC_RELAXED);
}

guint watch_connections(Watch *watch)
{
    guint count;

    g_mutex_lock(&watch->lock);
    count = g_hash_table_size(watch->connections);
    g_mutex_unlock(&watch->lock);
    return count;
}
