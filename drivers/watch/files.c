/* Files: inotify on the directory of each path and on those above it, so that a path is missed
 * whatever part of it goes, and found again when it comes back; and on directories of control
 * groups. */
#include "watch_private.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "error.h"

/* Not what is only read or given another mode: no fact is made of that. */
#define MASK                                                                                       \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR |           \
     IN_DONT_FOLLOW | IN_EXCL_UNLINK)

typedef struct {
    char *path;
    guint uses;
    int number; /* inotify's; -1: the directory is not there */
} Directory;

struct WatchFiles {
    HostWatch *watch;
    int fd;
    GSource *source;
    GHashTable *directories; /* path -> Directory */
    GHashTable *numbers;     /* inotify's number -> Directory (borrowed) */
    GHashTable *groups;      /* inotify's number -> key of an object */
};

static void directory_free(gpointer data)
{
    Directory *directory = data;

    g_free(directory->path);
    g_free(directory);
}

/* ---- directories ---- */

static void begin(WatchFiles *files, Directory *directory)
{
    directory->number = inotify_add_watch(files->fd, directory->path, MASK);
    if (directory->number >= 0)
        g_hash_table_insert(files->numbers, GINT_TO_POINTER(directory->number), directory);
}

static void end(WatchFiles *files, Directory *directory)
{
    if (directory->number < 0)
        return;
    g_hash_table_remove(files->numbers, GINT_TO_POINTER(directory->number));
    inotify_rm_watch(files->fd, directory->number);
    directory->number = -1;
}

/* Directories above these are not ours to be missed with everything in them. */
#define DEPTH 3

static char *parent_of(const char *path)
{
    return strcmp(path, "/") != 0 ? g_path_get_dirname(path) : NULL;
}

void watch_files_add(WatchFiles *files, const char *path)
{
    g_autofree char *at = parent_of(path);

    for (guint i = 0; i < DEPTH && at != NULL; i++) {
        Directory *directory = g_hash_table_lookup(files->directories, at);
        char *above = parent_of(at);

        if (directory == NULL) {
            directory = g_new0(Directory, 1);
            directory->path = g_strdup(at);
            g_hash_table_insert(files->directories, directory->path, directory);
            begin(files, directory);
        }
        directory->uses++;
        g_free(at);
        at = above;
    }
}

void watch_files_remove(WatchFiles *files, const char *path)
{
    g_autofree char *at = parent_of(path);

    for (guint i = 0; i < DEPTH && at != NULL; i++) {
        Directory *directory = g_hash_table_lookup(files->directories, at);
        char *above = parent_of(at);

        if (directory != NULL && --directory->uses == 0) {
            end(files, directory);
            g_hash_table_remove(files->directories, at);
        }
        g_free(at);
        at = above;
    }
}

static gboolean is_at_or_below(const char *path, const char *top)
{
    gsize length = strlen(top);

    return strncmp(path, top, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

void watch_files_renew(WatchFiles *files, const char *path)
{
    GHashTableIter iter;
    gpointer directory;

    g_hash_table_iter_init(&iter, files->directories);
    while (g_hash_table_iter_next(&iter, NULL, &directory)) {
        if (!is_at_or_below(((Directory *)directory)->path, path))
            continue;
        end(files, directory);
        begin(files, directory);
    }
}

/* ---- control groups ---- */

int watch_files_add_group(WatchFiles *files, const char *directory, const char *key)
{
    int number = inotify_add_watch(files->fd, directory, IN_MODIFY | IN_ONLYDIR);

    if (number >= 0)
        g_hash_table_insert(files->groups, GINT_TO_POINTER(number), g_strdup(key));
    return number;
}

void watch_files_remove_group(WatchFiles *files, int number)
{
    if (g_hash_table_remove(files->groups, GINT_TO_POINTER(number)))
        inotify_rm_watch(files->fd, number);
}

/* Processes that are moved into a group change none of its limits. */
static void tell_group(WatchFiles *files, const char *key, const char *name)
{
    static const char *const moves[] = {"cgroup.procs", "cgroup.threads", "tasks", NULL};
    WatchFact fact = {"cgroup", name, "written"};

    if (*name != '\0' && !g_strv_contains(moves, name))
        files->watch->tell(files->watch->data, key, &fact);
}

/* ---- what happened ---- */

static void tell(WatchFiles *files, const Directory *directory, const struct inotify_event *event)
{
    const char *name = event->len > 0 ? event->name : "";
    g_autofree char *path = g_build_filename(directory->path, name, NULL);
    const char *what = "written";

    /* Neither asked for nor on the way to what is. */
    if (!watch_has(files->watch, WATCH_PATH, path) &&
        !g_hash_table_contains(files->directories, path))
        return;
    if ((event->mask & (IN_DELETE | IN_MOVED_FROM | IN_IGNORED)) != 0)
        what = "gone";
    else if ((event->mask & (IN_CREATE | IN_MOVED_TO)) != 0)
        what = "changed";
    if ((event->mask & IN_CLOSE_WRITE) == 0)
        watch_files_renew(files, path); /* `directory` may go */
    watch_tell_below(files->watch, WATCH_PATH, path, what);
}

static void take(WatchFiles *files, const struct inotify_event *event)
{
    const Directory *directory = g_hash_table_lookup(files->numbers, GINT_TO_POINTER(event->wd));
    const char *key = g_hash_table_lookup(files->groups, GINT_TO_POINTER(event->wd));

    if ((event->mask & IN_Q_OVERFLOW) != 0)
        watch_tell_lost(files->watch, "files");
    else if (directory != NULL)
        tell(files, directory, event);
    else if (key != NULL && (event->mask & IN_IGNORED) != 0)
        g_hash_table_remove(files->groups, GINT_TO_POINTER(event->wd));
    else if (key != NULL)
        tell_group(files, key, event->len > 0 ? event->name : "");
}

static gboolean on_event(int fd, GIOCondition condition, gpointer data)
{
    WatchFiles *files = data;
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t size;

    while ((size = read(fd, buffer, sizeof buffer)) > 0) {
        for (char *at = buffer; at < buffer + size;) {
            const struct inotify_event *event = (const struct inotify_event *)at;

            take(files, event);
            at += sizeof *event + event->len;
        }
    }
    return G_SOURCE_CONTINUE;
}

WatchFiles *watch_files_new(HostWatch *watch, GError **error)
{
    WatchFiles *files = g_new0(WatchFiles, 1);

    files->watch = watch;
    files->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (files->fd < 0) {
        error_errno(error, errno, "inotify");
        g_free(files);
        return NULL;
    }
    files->directories = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, directory_free);
    files->numbers = g_hash_table_new(NULL, NULL);
    files->groups = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    files->source = watch_source(watch, files->fd, G_IO_IN, on_event, files);
    return files;
}

void watch_files_free(WatchFiles *files)
{
    if (files == NULL)
        return;
    watch_source_end(files->source);
    close(files->fd);
    g_hash_table_unref(files->groups);
    g_hash_table_unref(files->numbers);
    g_hash_table_unref(files->directories);
    g_free(files);
}
