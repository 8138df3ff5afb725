#include "status.h"

#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "file.h"
#include "record.h"

/* Nearly every answer about an instance says whether it runs. What its record says is kept with
 * the identity of the file, its processes as pidfds: then two system calls tell that nothing has
 * changed. Only what runs is kept: all else is cheap, or about to change. */
typedef struct {
    struct stat file;
    int init, monitor; /* pidfds */
    Groups *groups;
} Run;

#define RUNS_MAX 1024 /* two descriptors each */
#define DESCRIPTORS_PART                                                                           \
    16 /* of all that the process may have, at most such a part is for runs                        \
        */
#define TIDY_US G_USEC_PER_SEC

static GMutex mutex;     /* what follows */
static GHashTable *runs; /* path of a record -> Run */

static void run_free(gpointer data)
{
    Run *run = data;

    if (run->init >= 0)
        close(run->init);
    if (run->monitor >= 0)
        close(run->monitor);
    groups_free(run->groups);
    g_free(run);
}

static gboolean same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Records are replaced by new files, never written again. */
static gboolean same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

/* A pidfd can be read once its process has ended. */
static gboolean is_alive(const Run *run)
{
    struct pollfd ends[] = {{.fd = run->init, .events = POLLIN},
                            {.fd = run->monitor, .events = POLLIN}};

    return poll(ends, G_N_ELEMENTS(ends), 0) == 0;
}

/* NULL when it does not run. */
static Run *run_read(const char *dir, const char *name)
{
    g_autoptr(json_t) record = record_read(dir, name, NULL);
    g_autofree char *group = cgroup_name(dir, name, "");
    pid_t init = record_init(record);
    Run *run;

    if (init == 0)
        return NULL;
    run = g_new0(Run, 1);
    run->init = run->monitor = -1;
    run->groups = groups_of(init, group, NULL);
    process_find(json_object_get(record, "init"), &run->init);
    process_find(json_object_get(record, "monitor"), &run->monitor);
    return run;
}

static guint runs_limit(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0
               ? (guint)MIN(RUNS_MAX, limit.rlim_cur / DESCRIPTORS_PART)
               : 0;
}

static gboolean is_over(gpointer path, gpointer run, gpointer data)
{
    return !is_alive(run);
}

/* Both are stolen. Nothing is kept of what has no descriptors: it has ended, or there are none. */
static void keep(char *path, Run *run)
{
    static gint64 tidied;
    gint64 now = g_get_monotonic_time();

    if (run->init < 0 || run->monitor < 0 || run->groups == NULL) {
        run_free(run);
        g_free(path);
        return;
    }
    /* Nobody may ever ask again for those that have ended. */
    if (now - tidied > TIDY_US) {
        g_hash_table_foreach_remove(runs, is_over, NULL);
        tidied = now;
    }
    if (g_hash_table_size(runs) >= runs_limit())
        g_hash_table_remove_all(runs);
    g_hash_table_replace(runs, path, run);
}

static InstanceStatus status_of(const Run *run)
{
    gboolean frozen = FALSE;

    return run->groups != NULL && groups_frozen(run->groups, &frozen, NULL) && frozen
               ? INSTANCE_FROZEN
               : INSTANCE_RUNNING;
}

InstanceStatus instance_status(const char *dir, const char *name)
{
    g_autofree char *path = record_path(dir, name);
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&mutex);
    InstanceStatus status;
    struct stat file;
    Run *run;

    if (runs == NULL)
        runs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, run_free);
    run = g_hash_table_lookup(runs, path);
    if (stat(path, &file) != 0) {
        g_hash_table_remove(runs, path);
        return INSTANCE_STOPPED;
    }
    if (run != NULL && same_file(&file, &run->file) && is_alive(run))
        return status_of(run);
    g_hash_table_remove(runs, path);
    /* Read after the file was looked at: what is written meanwhile is read again the next time. */
    run = run_read(dir, name);
    if (run == NULL)
        return INSTANCE_STOPPED;
    run->file = file;
    status = status_of(run);
    keep(g_steal_pointer(&path), run);
    return status;
}

GHashTable *instance_status_candidates(const char *dir)
{
    g_autofree char *folder = record_folder(dir);
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GDir) records = g_dir_open(folder, 0, NULL);
    const char *file;

    while (records != NULL && (file = g_dir_read_name(records)) != NULL) {
        if (g_str_has_suffix(file, RECORD_SUFFIX))
            g_hash_table_add(names, g_strndup(file, strlen(file) - strlen(RECORD_SUFFIX)));
    }
    return names;
}
