#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "error.h"
#include "file.h"
#include "record.h"

#define MONITOR_TIMEOUT_MS 20000
#define LISTEN_TIMEOUT_MS 1000 /* for a young init to put up its handlers */

static void send_signal(int pidfd, int number)
{
    syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
}

static gboolean wait_end(int pidfd, gint64 timeout_ms)
{
    struct pollfd watched = {.fd = pidfd, .events = POLLIN};
    gint64 until = g_get_monotonic_time() / 1000 + timeout_ms;
    int ready;

    do
        ready = poll(&watched, 1, (int)CLAMP(until - g_get_monotonic_time() / 1000, 0, G_MAXINT));
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* A mask of /proc/PID/status. */
static guint64 mask_of(const char *status, const char *name)
{
    const char *line = strstr(status, name);

    return line != NULL ? g_ascii_strtoull(line + strlen(name), NULL, 16) : 0;
}

static gboolean has(guint64 mask, int number)
{
    return (mask >> (number - 1)) & 1;
}

/* The signal for a clean stop that init will notice: systemd takes SIGRTMIN+3 by a signalfd, others
 * have a handler for SIGPWR (RT-03). 0 while it notices none: the kernel drops what the first
 * process of a namespace does not handle. */
static int listened(pid_t init)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", init);
    g_autofree char *status = NULL;
    guint64 blocked, caught;

    if (!g_file_get_contents(path, &status, NULL, NULL))
        return 0;
    blocked = mask_of(status, "\nSigBlk:\t");
    caught = mask_of(status, "\nSigCgt:\t");
    if (has(blocked, SIGRTMIN + 3))
        return SIGRTMIN + 3;
    if (has(caught | blocked, SIGPWR))
        return SIGPWR;
    return has(caught, SIGRTMIN + 3) ? SIGRTMIN + 3 : 0;
}

/* "SIGPWR", "PWR", "RTMIN+3" or a number, as lxc.signal.halt takes them. */
static int parse_signal(const char *text)
{
    const char *name = g_str_has_prefix(text, "SIG") ? text + 3 : text;
    int offset = 0;

    if (g_ascii_isdigit(*name))
        return atoi(name);
    if (sscanf(name, "RTMIN+%d", &offset) == 1)
        return SIGRTMIN + offset;
    if (sscanf(name, "RTMAX-%d", &offset) == 1)
        return SIGRTMAX - offset;
    for (int number = 1; number < 32; number++) {
        if (g_strcmp0(sigabbrev_np(number), name) == 0)
            return number;
    }
    return 0;
}

static gboolean stop_cleanly(pid_t init, int pidfd, const Stop *stop)
{
    gint64 timeout_ms = stop->timeout < 0 ? G_MAXINT : stop->timeout * 1000;
    int number = stop->halt != NULL ? parse_signal(stop->halt) : listened(init);

    for (int waited = 0; number == 0 && waited < MIN(LISTEN_TIMEOUT_MS, timeout_ms); waited += 20) {
        if (wait_end(pidfd, 20))
            return TRUE;
        number = listened(init);
    }
    if (number == 0)
        return FALSE;
    send_signal(pidfd, number);
    return wait_end(pidfd, timeout_ms);
}

static gboolean stop_init(const Run *run, const json_t *record, const Stop *stop, GError **error)
{
    g_autofree char *name = cgroup_name(run->dir, run->name, "");
    g_auto(Fd) pidfd = -1;
    pid_t init = process_find(json_object_get(record, "init"), &pidfd);
    g_autoptr(Groups) groups = init > 0 ? groups_of(init, name, NULL) : NULL;
    gboolean frozen = FALSE;

    if (init == 0)
        return TRUE;
    if (groups != NULL && groups_frozen(groups, &frozen, NULL) && frozen)
        groups_freeze(groups, FALSE, NULL);
    if (stop->timeout != 0 && stop_cleanly(init, pidfd, stop))
        return TRUE;
    if (stop->gentle && stop->timeout != 0)
        return error_set(error, ERR_FAILED,
                         "it did not stop within %" G_GINT64_FORMAT
                         " s, and runs on; stop it by force, or give it longer",
                         stop->timeout);
    send_signal(pidfd, SIGKILL);
    return wait_end(pidfd, MONITOR_TIMEOUT_MS) ||
           error_set(error, ERR_FAILED, "init (process %d) does not die", init);
}

gboolean stop_kill(const char *dir, const char *name)
{
    g_autoptr(json_t) record = record_read(dir, name, NULL);
    g_auto(Fd) pidfd = -1;

    if (record == NULL || g_strcmp0(json_member_string(record, "boot"), boot_id()) != 0 ||
        process_find(json_object_get(record, "init"), &pidfd) == 0)
        return FALSE;
    send_signal(pidfd, SIGKILL);
    return TRUE;
}

gboolean stop_processes(const Run *run, json_t *record, const Stop *stop, GError **error)
{
    const char *boot = json_member_string(record, "boot");
    g_auto(Fd) monitor = -1;

    if (g_strcmp0(boot, boot_id()) != 0)
        return TRUE;
    process_find(json_object_get(record, "monitor"), &monitor);
    /* Tells the hook that this end, even a reboot, is ours. */
    json_object_set_new(record, "stopping", json_true());
    if (!record_write(run->dir, run->name, record, error))
        return FALSE;
    if (!stop_init(run, record, stop, error)) {
        json_object_del(record, "stopping");
        record_write(run->dir, run->name, record, NULL);
        return FALSE;
    }
    if (monitor >= 0 && !wait_end(monitor, MONITOR_TIMEOUT_MS)) {
        send_signal(monitor, SIGKILL);
        wait_end(monitor, MONITOR_TIMEOUT_MS);
    }
    return TRUE;
}
