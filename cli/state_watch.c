#include "state_watch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "error.h"
#include "file.h"

/* A transaction writes many times: so long must it be quiet, and so long is that waited for. */
#define QUIET_MS 50
#define BURST_MS 500

struct StateWatch {
    char *dir;
    char *watched; /* `dir`, or the nearest directory above it that is there */
    int fd;
    int id; /* of the watch */
};

static gboolean watch_nearest(StateWatch *watch)
{
    g_autofree char *path = g_strdup(watch->dir);

    for (;;) {
        int id = inotify_add_watch(watch->fd, path,
                                   IN_CREATE | IN_MOVED_TO | IN_MODIFY | IN_DELETE_SELF |
                                       IN_MOVE_SELF | IN_ONLYDIR);
        char *above;

        if (id >= 0) {
            if (watch->id >= 0 && watch->id != id)
                inotify_rm_watch(watch->fd, watch->id);
            watch->id = id;
            g_free(watch->watched);
            watch->watched = g_steal_pointer(&path);
            return TRUE;
        }
        if (errno != ENOENT || strcmp(path, "/") == 0)
            return FALSE;
        above = g_path_get_dirname(path);
        g_free(path);
        path = above;
    }
}

static void watch_folder(const StateWatch *watch, const char *name)
{
    g_autofree char *path = g_build_filename(watch->dir, name, NULL);

    inotify_add_watch(watch->fd, path,
                      IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_DELETE | IN_ONLYDIR);
}

/* Where runs begin and end, and where addresses are leased. What is watched already stays so. */
static void watch_below(const StateWatch *watch)
{
    static const char *const folders[] = {"facts", "run", "networks"};
    g_autofree char *path = g_build_filename(watch->dir, "networks", NULL);
    g_autoptr(GDir) networks = g_dir_open(path, 0, NULL);
    const char *network;

    for (guint i = 0; i < G_N_ELEMENTS(folders); i++)
        watch_folder(watch, folders[i]);
    while (networks != NULL && (network = g_dir_read_name(networks)) != NULL) {
        g_autofree char *folder = g_build_filename("networks", network, NULL);

        watch_folder(watch, folder);
    }
}

StateWatch *state_watch_new(const char *dir, GError **error)
{
    g_autoptr(StateWatch) watch = g_new0(StateWatch, 1);

    watch->dir = g_strdup(dir);
    watch->id = -1;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0 || !watch_nearest(watch)) {
        error_errno(error, errno, "watch %s", dir);
        return NULL;
    }
    watch_below(watch);
    return g_steal_pointer(&watch);
}

void state_watch_free(StateWatch *watch)
{
    if (watch == NULL)
        return;
    if (watch->fd >= 0)
        close(watch->fd);
    g_free(watch->dir);
    g_free(watch->watched);
    g_free(watch);
}

static void drain(const StateWatch *watch)
{
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

    while (read(watch->fd, buffer, sizeof buffer) > 0)
        continue;
}

/* `timer` may be -1; `left` milliseconds, -1: as long as it takes. */
static gboolean wait_for(StateWatch *watch, int timer, int left)
{
    struct pollfd waits[] = {{.fd = watch->fd, .events = POLLIN},
                             {.fd = STDOUT_FILENO},
                             {.fd = timer, .events = POLLIN}};
    gint64 last = 0;

    for (;;) {
        int ready = poll(waits, G_N_ELEMENTS(waits), left);
        gint64 now = g_get_monotonic_time() / 1000;

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready > 0 && waits[1].revents != 0)
            return FALSE;
        if (ready <= 0 || waits[2].revents != 0)
            break;
        drain(watch);
        /* The directory came, or went. */
        if (strcmp(watch->watched, watch->dir) != 0 || !file_exists(watch->dir))
            watch_nearest(watch);
        watch_below(watch);
        last = last == 0 ? now + BURST_MS : last;
        if (now >= last)
            break;
        left = QUIET_MS;
    }
    return TRUE;
}

gboolean state_watch_wait(StateWatch *watch, int tick)
{
    return wait_for(watch, -1, tick * 1000);
}

void state_watch_until(StateWatch *watch, gint64 moment)
{
    const struct itimerspec until = {.it_value = {.tv_sec = (time_t)moment}};
    int timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);

    timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &until, NULL);
    wait_for(watch, timer, -1);
    close(timer);
}
