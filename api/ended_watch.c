#include "ended_watch.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "error.h"
#include "instance_power.h"
#include "wire.h"

#define THREADS 4

struct EndedWatch {
    Daemon *daemon;
    char *dir;
    int fd;
    guint source;
    GThreadPool *threads; /* of names of fact files; each is a transaction */
    GMutex mutex;
    GHashTable *seen; /* key -> the last fact of it, as text */
};

static gboolean is_fact(const char *name)
{
    return g_str_has_prefix(name, "instance.") && g_str_has_suffix(name, ".json");
}

/* One fact may be told of more than once. */
static gboolean is_new(EndedWatch *watch, const char *key, const json_t *fact)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&watch->mutex);
    g_autofree char *text = json_text(fact);

    if (g_strcmp0(g_hash_table_lookup(watch->seen, key), text) == 0)
        return FALSE;
    g_hash_table_insert(watch->seen, g_strdup(key), g_steal_pointer(&text));
    return TRUE;
}

/* The hook itself starts an instance again that rebooted from inside. */
static void tell_reboot(Daemon *daemon, const Object *object)
{
    g_autofree char *path = wire_path(object);

    events_lifecycle(daemon->events, "instance-restarted", object->id.project, path, NULL, NULL);
}

static void take_note(gpointer data, gpointer user_data)
{
    g_autofree char *name = data;
    EndedWatch *watch = user_data;
    g_autofree char *path = g_build_filename(watch->dir, name, NULL);
    g_autoptr(json_t) fact = json_load_file(path, 0, NULL);
    const char *key = json_member_string(fact, "key");
    const char *what = json_member_string(fact, "what");
    g_autoptr(Snapshot) model = engine_ref_stored(watch->daemon->engine);
    const Object *object = key != NULL ? snapshot_get(model, key) : NULL;
    gboolean up = g_atomic_int_get(&watch->daemon->phase) != DAEMON_STARTING;
    g_autoptr(GError) error = NULL;

    /* When the host goes down, what it kills is to come back. */
    if (object == NULL || what == NULL ||
        g_atomic_int_get(&watch->daemon->phase) == DAEMON_STOPPING)
        return;
    /* Of a run before the last start. */
    if (json_integer_value(json_object_get(fact, "time")) <
            json_integer_value(json_object_get(object->generated, "$last_used")) ||
        !is_new(watch, key, fact))
        return;
    if (strcmp(what, "rebooted") == 0) {
        if (up)
            tell_reboot(watch->daemon, object);
        return;
    }
    /* What was killed while nobody watched may have gone down with the host. */
    if ((up || strcmp(what, "stopped") == 0) &&
        !instance_ended(watch->daemon, key, strcmp(what, "stopped") == 0, &error))
        g_warning("%s ended by itself, which cannot be taken note of: %s", key, error->message);
}

/* Watches the folder, and takes note of what is in it already. */
static gboolean look(EndedWatch *watch, GError **error)
{
    g_autoptr(GDir) dir = NULL;
    const char *name;

    if (g_mkdir_with_parents(watch->dir, 0700) != 0 ||
        inotify_add_watch(watch->fd, watch->dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
        return error_errno(error, errno, "watch %s", watch->dir);
    dir = g_dir_open(watch->dir, 0, error);
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        if (is_fact(name))
            g_thread_pool_push(watch->threads, g_strdup(name), NULL);
    return dir != NULL;
}

static gboolean on_event(int fd, GIOCondition condition, gpointer data)
{
    EndedWatch *watch = data;
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    g_autoptr(GError) error = NULL;
    gboolean lost = FALSE;
    gssize size;

    while ((size = read(fd, buffer, sizeof buffer)) > 0) {
        for (char *at = buffer; at < buffer + size;) {
            const struct inotify_event *event = (const struct inotify_event *)at;

            if (event->len > 0 && is_fact(event->name))
                g_thread_pool_push(watch->threads, g_strdup(event->name), NULL);
            lost = lost || (event->mask & IN_IGNORED) != 0;
            at += sizeof *event + event->len;
        }
    }
    /* An instance that is deleted takes the folder with it when it was the last one there. */
    if (lost && !look(watch, &error))
        g_warning("instances that end by themselves are not noticed any more: %s", error->message);
    return G_SOURCE_CONTINUE;
}

EndedWatch *ended_watch_new(Daemon *daemon, GError **error)
{
    g_autoptr(EndedWatch) watch = g_new0(EndedWatch, 1);

    watch->daemon = daemon;
    watch->dir = g_build_filename(daemon->dir, "facts", NULL);
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0) {
        error_errno(error, errno, "inotify");
        return NULL;
    }
    g_mutex_init(&watch->mutex);
    watch->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    watch->threads = g_thread_pool_new(take_note, watch, THREADS, FALSE, NULL);
    watch->source = g_unix_fd_add(watch->fd, G_IO_IN, on_event, watch);
    if (!look(watch, error))
        return NULL;
    return g_steal_pointer(&watch);
}

void ended_watch_free(EndedWatch *watch)
{
    if (watch == NULL)
        return;
    if (watch->source != 0)
        g_source_remove(watch->source);
    if (watch->threads != NULL)
        g_thread_pool_free(watch->threads, FALSE, TRUE);
    if (watch->seen != NULL) {
        g_hash_table_unref(watch->seen);
        g_mutex_clear(&watch->mutex);
    }
    if (watch->fd >= 0)
        close(watch->fd);
    g_free(watch->dir);
    g_free(watch);
}
