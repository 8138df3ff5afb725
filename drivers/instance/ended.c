#include "ended.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "error.h"
#include "file.h"
#include "files.h"
#include "record.h"

static char *path_of(const Ended *ended)
{
    return g_strdup_printf("%s/facts/instance.%s.json", ended->dir, ended->name);
}

/* The wait status of init; 0 as of one that ended in order when the monitor did not say. */
static int status_of(const json_t *record)
{
    const json_t *init = json_array_get(json_object_get(record, "init"), 0);
    g_autofree char *name = g_strdup_printf("BERTH_ENDED_%d", (int)json_integer_value(init));
    const char *text = g_getenv(name);

    return text != NULL ? atoi(text) : 0;
}

static gboolean leave(const Ended *ended, const json_t *record, json_t *fact, GError **error)
{
    g_autofree char *path = path_of(ended);
    g_autofree char *text = NULL;
    gboolean left;

    json_object_set_new(fact, "kind", json_string("instance"));
    json_object_set_new(fact, "key", json_string(ended->key));
    json_object_set_new(fact, "time", json_integer(g_get_real_time() / G_USEC_PER_SEC));
    json_object_set(fact, "init", json_object_get(record, "init"));
    text = json_text(fact);
    left = state_write(path, text, error);
    json_decref(fact);
    return left;
}

gboolean ended_note(const Ended *ended, const json_t *record, gboolean reboot, GError **error)
{
    int status = status_of(record);
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    const char *what = "crashed";
    json_t *fact = json_object();

    if (reboot)
        what = "rebooted";
    else if (status == 0 || number == SIGINT) /* reboot(2): power off in a process namespace */
        what = "stopped";
    else if (number != 0)
        json_object_set_new(fact, "signal", json_integer(number));
    else
        json_object_set_new(fact, "status", json_integer(WEXITSTATUS(status)));
    json_object_set_new(fact, "what", json_string(what));
    return leave(ended, record, fact, error);
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

    return !is_lost(record, last) || leave(ended, record, json_pack("{ss}", "what", "lost"), error);
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
