#include "after.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_file.h"
#include "ended.h"
#include "error.h"
#include "file.h"
#include "record.h"
#include "run.h"

#define MONITOR_TIMEOUT_MS 60000

/* Out of the groups of the run that is over, so that they can be removed. */
static void leave_groups(void)
{
    const GPtrArray *all = cgroup_hierarchies(NULL);
    g_autofree char *self = g_strdup_printf("%d", getpid());

    for (guint i = 0; all != NULL && i < all->len; i++) {
        const Hierarchy *hierarchy = all->pdata[i];
        g_autofree char *group = g_strconcat(hierarchy->mount, hierarchy->base, NULL);

        cgroup_write(group, "cgroup.procs", self, NULL);
    }
}

static void wait_for(int pidfd)
{
    struct pollfd watched = {.fd = pidfd, .events = POLLIN};

    while (pidfd >= 0 && poll(&watched, 1, MONITOR_TIMEOUT_MS) < 0 && errno == EINTR)
        ;
}

static gboolean start_again(const Run *run, GError **error)
{
    g_autoptr(json_t) facts = start_facts_read(run->dir, run->name);

    return facts == NULL || run_start(run, facts, error);
}

/* Under the lock: whoever held it before us may have swept and started again already. */
static gboolean finish(const char *dir, const char *name, const char *key, const json_t *record,
                       gboolean reboot, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_auto(Fd) lock = record_lock_kept(dir, name, &failure);
    g_autoptr(json_t) now = lock >= 0 ? record_read(dir, name, NULL) : NULL;
    Run run = {dir, name, key, lock};

    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (now == NULL || !json_equal(json_object_get(now, "init"), json_object_get(record, "init")))
        return TRUE;
    if (json_is_true(json_object_get(now, "stopping")))
        reboot = FALSE;
    return run_sweep(&run, now, error) && (!reboot || start_again(&run, error));
}

/* liblxc reads what the hook prints until all who could print have closed it. */
static void detach(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    setsid();
    if (chdir("/") != 0)
        _exit(1);
}

static void log_failure(const char *dir, const char *name, const GError *failure)
{
    g_autofree char *path = g_strdup_printf("%s/logs/%s/hook.log", dir, name);
    FILE *log = fopen(path, "ae");

    if (log == NULL)
        return;
    fprintf(log, "%s\n", failure->message);
    fclose(log);
}

gboolean after_stop(const char *dir, const char *name, const char *key, gboolean reboot,
                    GError **error)
{
    g_autoptr(json_t) record = record_read(dir, name, NULL);
    g_auto(Fd) monitor = -1;
    g_autoptr(GError) failure = NULL;
    pid_t child;

    if (record == NULL)
        return TRUE;
    if (!json_is_true(json_object_get(record, "stopping")) &&
        !ended_note(&(Ended){dir, name, key}, record, reboot, error))
        return FALSE;
    /* A start that has not ended yet is its starter's to clean up. */
    if (json_object_get(record, "init") == NULL)
        return TRUE;
    process_find(json_object_get(record, "monitor"), &monitor);
    child = fork();
    if (child < 0)
        return error_errno(error, errno, "fork");
    if (child > 0)
        return TRUE;
    detach();
    leave_groups();
    wait_for(monitor);
    if (!finish(dir, name, key, record, reboot, &failure))
        log_failure(dir, name, failure);
    _exit(failure != NULL);
}
