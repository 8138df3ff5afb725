#include "store_watch.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "error.h"
#include "lifecycle.h"
#include "warnings.h"

struct StoreWatch {
    Daemon *daemon;
    int fd;
    guint source;
    GThread *thread; /* takes over what changed: may have to wait for the lock */
    GAsyncQueue *asked;
};

static gpointer take_over(gpointer data)
{
    StoreWatch *watch = data;

    /* A request for nothing ends the thread. */
    while (GPOINTER_TO_INT(g_async_queue_pop(watch->asked)) > 0) {
        g_autoptr(Snapshot) before = engine_ref_stored(watch->daemon->engine);
        g_autoptr(Snapshot) after = NULL;
        g_autoptr(GError) error = NULL;
        gboolean changed = FALSE;

        if (!engine_refresh(watch->daemon->engine, &changed, &error)) {
            g_warning("what another program changed cannot be taken over: %s", error->message);
            continue;
        }
        if (!changed)
            continue;
        after = engine_ref_stored(watch->daemon->engine);
        lifecycle_of_models(watch->daemon->events, before, after);
        daemon_follow_model(watch->daemon);
        if (!warnings_prune(engine_store(watch->daemon->engine), after, &error))
            g_warning("warnings of what is gone cannot be deleted: %s", error->message);
    }
    return NULL;
}

static gboolean on_event(int fd, GIOCondition condition, gpointer data)
{
    StoreWatch *watch = data;
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

    while (read(fd, buffer, sizeof buffer) > 0)
        continue;
    if (g_async_queue_length(watch->asked) <= 0)
        g_async_queue_push(watch->asked, GINT_TO_POINTER(1));
    return G_SOURCE_CONTINUE;
}

StoreWatch *store_watch_new(Daemon *daemon, GError **error)
{
    g_autofree char *path = g_build_filename(daemon->dir, "lock", NULL);
    g_autoptr(StoreWatch) watch = g_new0(StoreWatch, 1);

    watch->daemon = daemon;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0 || inotify_add_watch(watch->fd, path, IN_CLOSE_WRITE) < 0) {
        error_errno(error, errno, "watch %s", path);
        return NULL;
    }
    watch->asked = g_async_queue_new();
    watch->thread = g_thread_new("store", take_over, watch);
    watch->source = g_unix_fd_add(watch->fd, G_IO_IN, on_event, watch);
    return g_steal_pointer(&watch);
}

void store_watch_free(StoreWatch *watch)
{
    if (watch == NULL)
        return;
    if (watch->source != 0)
        g_source_remove(watch->source);
    if (watch->thread != NULL) {
        g_async_queue_push(watch->asked, GINT_TO_POINTER(-1));
        g_thread_join(watch->thread);
        g_async_queue_unref(watch->asked);
    }
    if (watch->fd >= 0)
        close(watch->fd);
    g_free(watch);
}
