/* Processes that objects stand on, found by their records and seen by pidfds; and the control
 * groups of those that have one. */
#include "watch_private.h"

#include <string.h>
#include <unistd.h>

#include "file.h"
#include "instance/cgroup.h"
#include "instance/record.h"

#define RECORD_MAX (16u << 20)

typedef struct {
    HostWatch *watch;
    char *key, *path;
    json_t *processes; /* those that are watched: {"init": [pid, start time], ...} */
    GPtrArray *sources;
    GArray *fds;    /* of int */
    GArray *groups; /* of int: numbers of watch_files_add_group */
} Run;

struct WatchRecords {
    HostWatch *watch;
    GHashTable *runs; /* key -> Run */
};

static void clear(Run *run)
{
    for (guint i = 0; i < run->sources->len; i++)
        g_source_destroy(run->sources->pdata[i]);
    g_ptr_array_set_size(run->sources, 0);
    for (guint i = 0; i < run->fds->len; i++)
        close(g_array_index(run->fds, int, i));
    g_array_set_size(run->fds, 0);
    for (guint i = 0; i < run->groups->len; i++)
        watch_files_remove_group(run->watch->files, g_array_index(run->groups, int, i));
    g_array_set_size(run->groups, 0);
    json_decref(run->processes);
    run->processes = json_object();
}

static void run_free(gpointer data)
{
    Run *run = data;

    clear(run);
    json_decref(run->processes);
    g_ptr_array_unref(run->sources);
    g_array_unref(run->fds);
    g_array_unref(run->groups);
    g_free(run->key);
    g_free(run->path);
    g_free(run);
}

static Run *run_new(HostWatch *watch, const char *key)
{
    Run *run = g_new0(Run, 1);

    run->watch = watch;
    run->key = g_strdup(key);
    run->processes = json_object();
    run->sources = g_ptr_array_new_with_free_func((GDestroyNotify)g_source_unref);
    run->fds = g_array_new(FALSE, FALSE, sizeof(int));
    run->groups = g_array_new(FALSE, FALSE, sizeof(int));
    return run;
}

static gboolean on_end(int fd, GIOCondition condition, gpointer data)
{
    const Run *run = data;
    WatchFact fact = {watch_kind_name(WATCH_RECORD), run->path, "gone"};

    run->watch->tell(run->watch->data, run->key, &fact);
    return G_SOURCE_REMOVE;
}

static void watch_process(Run *run, const json_t *pair)
{
    int fd = -1;

    if (process_find(pair, &fd) == 0)
        return;
    g_array_append_val(run->fds, fd);
    g_ptr_array_add(run->sources, watch_source(run->watch, fd, G_IO_IN, on_end, run));
}

/* The groups that limits are in; one directory may serve several controllers. */
static void watch_groups(Run *run, pid_t init, const char *group)
{
    static const char *const controllers[] = {"",     "cpu",     "cpuset",   "memory", "blkio",
                                              "pids", "freezer", "net_prio", "hugetlb"};
    g_autoptr(Groups) groups = groups_of(init, group, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; groups != NULL && i < G_N_ELEMENTS(controllers); i++) {
        gboolean v2;
        const char *path = groups_path(groups, controllers[i], &v2);
        int number;

        if (path == NULL || !g_hash_table_add(seen, (gpointer)path))
            continue;
        number = watch_files_add_group(run->watch->files, path, run->key);
        if (number >= 0)
            g_array_append_val(run->groups, number);
    }
}

void watch_records_set(WatchRecords *records, const char *key, const char *path, const char *group)
{
    static const char *const names[] = {"init", "monitor", "process"};
    Run *run;
    g_autofree char *text = NULL;
    g_autoptr(json_t) record = NULL;
    g_autoptr(json_t) processes = json_object();
    pid_t init;

    if (file_read(path, RECORD_MAX, &text, NULL, NULL))
        record = json_loads(text, 0, NULL);
    if (g_strcmp0(json_member_string(record, "boot"), boot_id()) == 0)
        for (guint i = 0; i < G_N_ELEMENTS(names); i++)
            if (json_object_get(record, names[i]) != NULL)
                json_object_set(processes, names[i], json_object_get(record, names[i]));
    if (json_object_size(processes) == 0) {
        watch_records_remove(records, key); /* most do not run: nothing is kept of them */
        return;
    }
    run = g_hash_table_lookup(records->runs, key);
    if (run == NULL) {
        run = run_new(records->watch, key);
        g_hash_table_insert(records->runs, run->key, run);
    }
    if (json_equal(processes, run->processes) && g_strcmp0(path, run->path) == 0)
        return;
    clear(run);
    g_free(run->path);
    run->path = g_strdup(path);
    json_object_update(run->processes, processes);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        watch_process(run, json_object_get(processes, names[i]));
    init = process_find(json_object_get(processes, "init"), NULL);
    if (init > 0 && group != NULL)
        watch_groups(run, init, group);
}

void watch_records_remove(WatchRecords *records, const char *key)
{
    g_hash_table_remove(records->runs, key);
}

WatchRecords *watch_records_new(HostWatch *watch)
{
    WatchRecords *records = g_new0(WatchRecords, 1);

    records->watch = watch;
    records->runs = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, run_free);
    return records;
}

void watch_records_free(WatchRecords *records)
{
    g_hash_table_unref(records->runs);
    g_free(records);
}
