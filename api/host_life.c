#include "host_life.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "answer.h"
#include "call.h"
#include "context.h"
#include "dry_run.h"
#include "ended_watch.h"
#include "error.h"
#include "host_power.h"
#include "image_timer.h"
#include "keeper.h"
#include "service.h"

#define RETRY_SECONDS 60

struct HostLife {
    Daemon *daemon;
    EndedWatch *ended;
    GThread *up;   /* the start */
    GThread *down; /* the end, once SIGPWR or SIGTERM came */
    int fd;
    guint source, term, interrupt;
};

static int power_fd = -1;

/* GLib has no source for SIGPWR; a handler goes with exec, which a blocked signal would not. */
static void on_power(int number)
{
    const guint64 one = 1;
    int kept = errno;

    if (write(power_fd, &one, sizeof one) < 0)
        errno = kept;
}

/* NET-021: what is not available is tried again every minute. */
static void retry(void *data)
{
    Daemon *daemon = data;

    if (g_atomic_int_get(&daemon->phase) == DAEMON_READY && host_power_up_again(daemon))
        g_atomic_int_set(&daemon->whole, TRUE);
}

static void retried(void *data)
{
    g_debug("unavailable pools and networks were tried again");
}

static gboolean every_minute(gpointer data)
{
    Daemon *daemon = data;

    if (g_atomic_int_get(&daemon->whole))
        return G_SOURCE_REMOVE;
    context_background(daemon, retry, retried, daemon);
    return G_SOURCE_CONTINUE;
}

static void begin_retries(void *data)
{
    g_timeout_add_seconds(RETRY_SECONDS, every_minute, data);
}

static gpointer come_up(gpointer data)
{
    Daemon *daemon = data;

    if (!host_power_up(daemon))
        context_call(daemon, begin_retries, daemon);
    if (g_atomic_int_compare_and_exchange(&daemon->phase, DAEMON_STARTING, DAEMON_READY))
        service_notify("READY=1");
    image_timer_follow(daemon->images);
    keeper_start(daemon->keeper);
    return NULL;
}

/* In the context, after the events of what was stopped. */
static void quit(void *data)
{
    const Daemon *daemon = data;

    g_main_loop_quit(daemon->loop);
}

static gpointer go_down(gpointer data)
{
    Daemon *daemon = data;

    host_power_down(daemon, FALSE);
    context_call(daemon, quit, daemon);
    return NULL;
}

/* OPS-84: instances run on. */
static gpointer end(gpointer data)
{
    Daemon *daemon = data;

    host_power_end_operations(daemon);
    context_call(daemon, quit, daemon);
    return NULL;
}

/* Whoever is the first to say that the daemon ends; later words are ignored (OPS-87). */
static gboolean begin_end(Daemon *daemon)
{
    return g_atomic_int_compare_and_exchange(&daemon->phase, DAEMON_READY, DAEMON_STOPPING) ||
           g_atomic_int_compare_and_exchange(&daemon->phase, DAEMON_STARTING, DAEMON_STOPPING);
}

static gboolean on_host_down(int fd, GIOCondition condition, gpointer data)
{
    HostLife *life = data;
    guint64 count;

    if (read(fd, &count, sizeof count) > 0 && begin_end(life->daemon))
        life->down = g_thread_new("down", go_down, life->daemon);
    return G_SOURCE_CONTINUE;
}

static gboolean on_term(gpointer data)
{
    HostLife *life = data;

    if (begin_end(life->daemon))
        life->down = g_thread_new("end", end, life->daemon);
    return G_SOURCE_CONTINUE;
}

/* SIGINT and SIGQUIT wait for nobody. */
static gboolean on_interrupt(gpointer data)
{
    HostLife *life = data;

    if (begin_end(life->daemon))
        g_main_loop_quit(life->daemon->loop);
    return G_SOURCE_CONTINUE;
}

/* GLib has no source for SIGQUIT either. */
static void on_quit(int number)
{
    raise(SIGINT);
}

HostLife *host_life_new(Daemon *daemon, GError **error)
{
    g_autoptr(HostLife) life = g_new0(HostLife, 1);
    const struct sigaction action = {.sa_handler = on_power, .sa_flags = SA_RESTART};

    life->daemon = daemon;
    life->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (life->fd < 0) {
        error_errno(error, errno, "eventfd");
        return NULL;
    }
    power_fd = life->fd;
    sigaction(SIGPWR, &action, NULL);
    signal(SIGQUIT, on_quit);
    life->term = g_unix_signal_add(SIGTERM, on_term, life);
    life->interrupt = g_unix_signal_add(SIGINT, on_interrupt, life);
    life->source = g_unix_fd_add(life->fd, G_IO_IN, on_host_down, life);
    life->ended = ended_watch_new(daemon, error);
    if (life->ended == NULL)
        return NULL;
    life->up = g_thread_new("up", come_up, daemon);
    return g_steal_pointer(&life);
}

void host_life_free(HostLife *life)
{
    if (life == NULL)
        return;
    signal(SIGPWR, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    if (life->source != 0)
        g_source_remove(life->source);
    g_source_remove(life->term);
    g_source_remove(life->interrupt);
    if (life->up != NULL)
        g_thread_join(life->up);
    if (life->down != NULL)
        g_thread_join(life->down);
    ended_watch_free(life->ended);
    if (life->fd >= 0)
        close(life->fd);
    g_free(life);
}

/* `lxd shutdown` (OPS-92): answers when all is stopped; then the daemon ends. */
static gboolean shut_down(Call *call, GError **error)
{
    if (call_is_dry_run(call))
        return dry_run_would(call, error, "all instances would be stopped, and berthd would end");
    if (!begin_end(call->daemon))
        return error_set(error, ERR_UNAVAILABLE, "berthd is shutting down");
    host_power_down(call->daemon, g_strcmp0(request_query(call->request, "force"), "true") == 0 ||
                                      g_strcmp0(request_query(call->request, "force"), "1") == 0);
    answer_sync(call->request, 200, NULL, NULL);
    context_call(call->daemon, quit, call->daemon);
    return TRUE;
}

const Route ROUTES_HOST_LIFE[] = {
    {"PUT", "internal/shutdown", ACCESS_ADMIN, ROUTE_DRY, shut_down},
    {0},
};
