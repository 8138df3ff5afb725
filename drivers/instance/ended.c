#include "ended.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "files.h"
#include "record.h"

static char *path_of(const Ended *ended)
{
    return g_strdup_printf("%s/facts/instance.%s.json", ended->dir, ended->name);
}

#define STATUS_NAME "BERTH_ENDED_"

/* The wait status of init; 0 as of one that ended in order when the monitor did not say. */
static int status_of(const json_t *init)
{
    g_autofree char *name =
        g_strdup_printf(STATUS_NAME "%d", (int)json_integer_value(json_array_get(init, 0)));
    const char *text = g_getenv(name);

    return text != NULL ? atoi(text) : 0;
}

/* Who init was when nobody has seen its start time: of the monitor's children the one that did not
 * end well, else any. What liblxc itself starts either ends well or no container comes of it. NULL
 * when none has ended. */
static json_t *init_of_environment(void)
{
    g_auto(GStrv) names = g_listenv();
    json_int_t pid = 0;
    int status = 0;

    for (char **name = names; *name != NULL; name++) {
        json_int_t child;

        if (!g_str_has_prefix(*name, STATUS_NAME))
            continue;
        child = g_ascii_strtoll(*name + strlen(STATUS_NAME), NULL, 10);
        if (status == 0) {
            pid = child;
            status = atoi(g_getenv(*name));
        }
    }
    return pid != 0 ? json_pack("[I, i]", pid, 0) : NULL;
}

static gboolean leave(const Ended *ended, const json_t *init, json_t *fact, GError **error)
{
    g_autofree char *path = path_of(ended);
    g_autofree char *text = NULL;
    gboolean left;

    json_object_set_new(fact, "kind", json_string("instance"));
    json_object_set_new(fact, "key", json_string(ended->key));
    json_object_set_new(fact, "time", json_integer(g_get_real_time() / G_USEC_PER_SEC));
    json_object_set(fact, "init", (json_t *)init);
    text = json_text(fact);
    left = state_write(path, text, error);
    json_decref(fact);
    return left;
}

gboolean ended_note(const Ended *ended, const json_t *record, gboolean reboot, GError **error)
{
    g_autoptr(json_t) init = json_incref(json_object_get(record, "init"));
    int status, number;
    const char *what = "crashed";
    json_t *fact;

    if (init == NULL && (init = init_of_environment()) == NULL)
        return TRUE; /* a start that failed before there was an init */
    status = status_of(init);
    number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    fact = json_object();
    if (reboot)
        what = "rebooted";
    else if (status == 0 || number == SIGINT) /* reboot(2): power off in a process namespace */
        what = "stopped";
    else if (number != 0)
        json_object_set_new(fact, "signal", json_integer(number));
    else
        json_object_set_new(fact, "status", json_integer(WEXITSTATUS(status)));
    json_object_set_new(fact, "what", json_string(what));
    return leave(ended, init, fact, error);
}

/* `last` is the newest fact. */
static gboolean is_lost(const json_t *record, const json_t *last)
{
    const json_t *init = json_object_get(record, "init");

    return init != NULL && process_find(json_object_get(record, "monitor"), NULL) == 0 &&
           !json_is_true(json_object_get(record, "stopping")) &&
           g_strcmp0(json_member_string(record, "boot"), boot_id()) == 0 &&
           !json_equal(json_object_get(last, "init"), init);
}

gboolean ended_note_lost(const Ended *ended, const json_t *record, GError **error)
{
    g_autofree char *path = path_of(ended);
    g_autoptr(json_t) last = json_load_file(path, 0, NULL);

    return !is_lost(record, last) ||
           leave(ended, json_object_get(record, "init"), json_pack("{ss}", "what", "lost"), error);
}

json_t *ended_read(const char *dir, const char *name)
{
    const Ended ended = {dir, name, NULL};
    g_autofree char *path = path_of(&ended);
    g_autofree char *retired = g_strdup_printf("%s/run/%s.last", dir, name);
    g_autoptr(json_t) record = record_read(dir, name, NULL);
    g_autoptr(json_t) last = json_load_file(path, 0, NULL);

    if (is_lost(record, last))
        return json_pack("{ss}", "what", "lost");
    if (record == NULL)
        record = json_load_file(retired, 0, NULL);
    if (last == NULL || record == NULL ||
        !json_equal(json_object_get(last, "init"), json_object_get(record, "init")))
        return NULL;
    return g_steal_pointer(&last);
}

/* The hook runs before the monitor ends. */
#define MONITOR_TIMEOUT_MS 30000

gboolean ended_in_order(const char *dir, const char *name)
{
    g_autoptr(json_t) record = record_read(dir, name, NULL);
    g_autoptr(json_t) ended = NULL;
    g_auto(Fd) monitor = -1;

    if (record_init(record) != 0)
        return FALSE;
    if (process_find(json_object_get(record, "monitor"), &monitor) != 0) {
        struct pollfd watched = {.fd = monitor, .events = POLLIN};

        while (poll(&watched, 1, MONITOR_TIMEOUT_MS) < 0 && errno == EINTR)
            ;
    }
    ended = ended_read(dir, name);
    return g_strcmp0(json_member_string(ended, "what"), "stopped") == 0;
}

json_t *ended_newest(const char *dir, const char *name)
{
    g_autofree char *path = path_of(&(Ended){dir, name, NULL});

    return json_load_file(path, 0, NULL);
}

/* Waits for files to come into a folder; until the end when the kernel gives no watch. */
static void wait_change(int watch, gint64 until)
{
    char events[sizeof(struct inotify_event) + NAME_MAX + 1];
    gint64 left_ms = (until - g_get_monotonic_time()) / 1000;
    struct pollfd watched = {.fd = watch, .events = POLLIN};

    if (poll(&watched, 1, (int)MAX(left_ms, 0)) > 0)
        while (read(watch, events, sizeof events) > 0)
            ;
}

/* Of a process that was gone before anybody could look at it, and so of its monitor, nothing is
 * known to wait for but the file. */
#define NEXT_US (5 * G_USEC_PER_SEC)

json_t *ended_next(const char *dir, const char *name, const json_t *before)
{
    gint64 until = g_get_monotonic_time() + NEXT_US;
    g_autofree char *facts = g_build_filename(dir, "facts", NULL);
    g_auto(Fd) watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    inotify_add_watch(watch, facts, IN_MOVED_TO);
    for (;;) {
        gboolean over = g_get_monotonic_time() >= until;
        g_autoptr(json_t) now = ended_newest(dir, name);

        if (now != NULL && !json_equal(now, (json_t *)before))
            return g_steal_pointer(&now);
        if (over)
            return NULL;
        wait_change(watch, until);
    }
}
