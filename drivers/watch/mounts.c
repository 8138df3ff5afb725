/* Mounts that come and go: the kernel marks /proc/self/mountinfo as changed. */
#include "watch_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "file.h"

struct WatchMounts {
    HostWatch *watch;
    int fd;
    GSource *source;
    GHashTable *mounted; /* mount point -> its lines */
};

/* "ID PARENT MAJOR:MINOR ROOT POINT ...": what is mounted at each point, the last one on top. */
static GHashTable *read_mounts(int fd)
{
    GHashTable *mounted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;
    char buffer[16384];
    ssize_t size;

    if (lseek(fd, 0, SEEK_SET) < 0)
        return mounted;
    while ((size = read(fd, buffer, sizeof buffer)) > 0)
        g_string_append_len(text, buffer, size);
    lines = g_strsplit(text->str, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) parts = g_strsplit(*line, " ", 7);
        char *point, *all;
        const char *others;

        if (g_strv_length(parts) < 6)
            continue;
        point = g_strcompress(parts[4]); /* blanks are written \040 */
        others = g_hash_table_lookup(mounted, point);
        all = g_strdup_printf("%s\n%s %s %s %s", others != NULL ? others : "", parts[0], parts[2],
                              parts[3], parts[5]);
        g_hash_table_replace(mounted, point, all);
    }
    return mounted;
}

static void tell_differing(WatchMounts *mounts, GHashTable *from, GHashTable *to, const char *what)
{
    GHashTableIter iter;
    gpointer point, lines;

    g_hash_table_iter_init(&iter, from);
    while (g_hash_table_iter_next(&iter, &point, &lines)) {
        if (g_strcmp0(g_hash_table_lookup(to, point), lines) == 0)
            continue;
        watch_tell_below(mounts->watch, WATCH_MOUNT, point, what);
        watch_tell_below(mounts->watch, WATCH_PATH, point, what);
        watch_files_renew(mounts->watch->files, point);
    }
}

static gboolean on_change(int fd, GIOCondition condition, gpointer data)
{
    WatchMounts *mounts = data;
    g_autoptr(GHashTable) before = mounts->mounted;

    mounts->mounted = read_mounts(fd);
    tell_differing(mounts, before, mounts->mounted, "gone");
    tell_differing(mounts, mounts->mounted, before, "changed");
    return G_SOURCE_CONTINUE;
}

WatchMounts *watch_mounts_new(HostWatch *watch, GError **error)
{
    WatchMounts *mounts = g_new0(WatchMounts, 1);

    mounts->watch = watch;
    mounts->fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (mounts->fd < 0) {
        error_errno(error, errno, "watch the mounts of the host");
        g_free(mounts);
        return NULL;
    }
    mounts->mounted = read_mounts(mounts->fd);
    mounts->source = watch_source(watch, mounts->fd, G_IO_PRI | G_IO_ERR, on_change, mounts);
    return mounts;
}

void watch_mounts_free(WatchMounts *mounts)
{
    if (mounts == NULL)
        return;
    watch_source_end(mounts->source);
    close(mounts->fd);
    g_hash_table_unref(mounts->mounted);
    g_free(mounts);
}
