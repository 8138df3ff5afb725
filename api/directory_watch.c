#include "directory_watch.h"

#include <dirent.h>
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUIET_MS 300u /* without a change, before it is told */
#define DEPTH_MAX 32u
#define EVENTS                                                                                     \
    (IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF |       \
     IN_MOVE_SELF | IN_ATTRIB)

struct DirectoryWatch {
    gatomicrefcount refs;
    char *path;
    int fd;
    guint source, quiet;
    void (*changed)(void *data);
    void *data;
};

static gboolean on_quiet(gpointer data)
{
    DirectoryWatch *watch = data;

    watch->quiet = 0;
    watch->changed(watch->data);
    return G_SOURCE_REMOVE;
}

static gboolean on_event(int fd, GIOCondition condition, gpointer data)
{
    DirectoryWatch *watch = data;
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

    while (read(fd, buffer, sizeof buffer) > 0)
        continue;
    g_clear_handle_id(&watch->quiet, g_source_remove);
    watch->quiet = g_timeout_add(QUIET_MS, on_quiet, watch);
    return G_SOURCE_CONTINUE;
}

static void add_below(int fd, const char *path, guint depth)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    if (dir == NULL)
        return;
    inotify_add_watch(fd, path, EVENTS | IN_ONLYDIR);
    while (depth < DEPTH_MAX && (entry = readdir(dir)) != NULL) {
        g_autofree char *below = g_build_filename(path, entry->d_name, NULL);
        struct stat st;

        if (entry->d_name[0] != '.' && lstat(below, &st) == 0 && S_ISDIR(st.st_mode))
            add_below(fd, below, depth + 1);
    }
    closedir(dir);
}

void directory_watch_renew(DirectoryWatch *watch)
{
    if (watch->fd >= 0)
        add_below(watch->fd, watch->path, 0);
}

DirectoryWatch *directory_watch_new(const char *path, void (*changed)(void *data), void *data)
{
    DirectoryWatch *watch = g_new0(DirectoryWatch, 1);

    g_atomic_ref_count_init(&watch->refs);
    watch->path = g_strdup(path);
    watch->changed = changed;
    watch->data = data;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd >= 0)
        watch->source = g_unix_fd_add(watch->fd, G_IO_IN, on_event, watch);
    else
        g_warning("%s is looked at in its interval only: %s", path, g_strerror(errno));
    return watch;
}

DirectoryWatch *directory_watch_ref(DirectoryWatch *watch)
{
    if (watch != NULL)
        g_atomic_ref_count_inc(&watch->refs);
    return watch;
}

void directory_watch_unref(DirectoryWatch *watch)
{
    if (watch == NULL || !g_atomic_ref_count_dec(&watch->refs))
        return;
    if (watch->fd >= 0)
        close(watch->fd);
    g_free(watch->path);
    g_free(watch);
}

void directory_watch_free(DirectoryWatch *watch)
{
    if (watch == NULL)
        return;
    g_clear_handle_id(&watch->source, g_source_remove);
    g_clear_handle_id(&watch->quiet, g_source_remove);
    directory_watch_unref(watch);
}
