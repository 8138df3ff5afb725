#include "deadline_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "engine.h"
#include "error.h"
#include "file.h"
#include "lease.h"
#include "moment.h"
#include "output.h"
#include "spawn.h"
#include "state_watch.h"

#define SERVICE "berth-revert.service"
#define SERVICE_DIR "/var/lib/berth" /* that the unit is for */
#define AGAIN 30                     /* seconds until what failed is tried again */

static gboolean systemctl(const char *verb, const char *option)
{
    const char *const argv[] = {"systemctl", verb, option, SERVICE, NULL};

    return spawn_run(argv, NULL, NULL, NULL);
}

/* One that is enabled is there after a reboot. It sees by itself that there is one deadline more.
 */
static gboolean start_service(const char *dir)
{
    return strcmp(dir, SERVICE_DIR) == 0 && systemctl("is-enabled", "--quiet") &&
           systemctl("start", "--no-block");
}

static gboolean start_process(const char *dir, GError **error)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", error);
    const char *const argv[] = {program, "revert", "--dir", dir, "--when-due", NULL};

    return program != NULL && spawn_daemon(argv, NULL, error) >= 0;
}

/* What is so without anybody who waits. */
static const char *const WITHOUT[] = {
    [DEADLINE_CONFIRM] = "the next berth that writes acts on the deadline",
    [DEADLINE_LEASE] = "the lease ends with 'berth env down --expired'",
};

void deadline_watch_start(const char *dir, DeadlineKind kind)
{
    g_autoptr(GError) error = NULL;

    if (start_service(dir))
        return;
    if (!start_process(dir, &error))
        message("warning: nothing waits for the time (%s): %s", error->message, WITHOUT[kind]);
    else if (strcmp(dir, SERVICE_DIR) == 0)
        message("warning: after a reboot %s, because %s is not enabled (systemctl enable %s)",
                WITHOUT[kind], SERVICE, SERVICE);
    else
        message("warning: after a reboot %s", WITHOUT[kind]);
}

/* ---- waiting ---- */

/* One process waits for all deadlines of a state directory. -1 with errno EWOULDBLOCK when another
 * one does. */
static int take_turn(const char *dir)
{
    g_auto(Fd) fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return -1;
    return fd_steal(&fd);
}

/* Opening the state directory takes back whatever is due. */
static void act(const char *dir)
{
    g_autoptr(Host) host = host_real_new(dir);
    g_autoptr(GError) error = NULL;
    g_autoptr(Engine) engine = engine_open(host, 0, &error);
    g_autofree char *ended = NULL;

    if (engine != NULL && engine_recovered(engine) != NULL)
        message("%s", engine_recovered(engine));
    if (engine != NULL)
        ended = lease_end_due(engine, &error);
    if (ended != NULL)
        message("%s", ended);
    if (error != NULL)
        message_warning("%s; it is tried again in %d s", error->message, AGAIN);
}

static gboolean wait_all(const char *dir, StateWatch *watch, Engine *engine, GError **error)
{
    gboolean changed, tried = FALSE;

    for (;;) {
        gint64 next = moment_sooner(engine_next_revert(engine), lease_next(engine));

        if (next == 0)
            return TRUE;
        if (next > moment_now()) {
            state_watch_until(watch, next);
            tried = FALSE;
        } else if (tried) {
            state_watch_until(watch, moment_now() + AGAIN); /* what is still there failed */
            tried = FALSE;
        } else {
            act(dir);
            tried = TRUE;
        }
        if (!engine_refresh(engine, &changed, error))
            return FALSE;
    }
}

gboolean deadline_watch_run(const char *dir, GError **error)
{
    g_autoptr(StateWatch) watch = state_watch_new(dir, error);
    g_autoptr(Host) host = host_real_new(dir);
    g_autoptr(Engine) engine = watch != NULL ? engine_open(host, ENGINE_READ_ONLY, error) : NULL;
    gboolean changed;

    if (engine == NULL)
        return FALSE;
    /* Somebody may find the turn taken by who is about to leave, so that it looks once more. */
    do {
        g_auto(Fd) turn = take_turn(dir);

        if (turn < 0)
            return errno == EWOULDBLOCK || error_errno(error, errno, "lock %s", dir);
        if (!wait_all(dir, watch, engine, error))
            return FALSE;
        fd_close(fd_steal(&turn));
        if (!engine_refresh(engine, &changed, error))
            return FALSE;
    } while (engine_next_revert(engine) != 0 || lease_next(engine) != 0);
    return TRUE;
}
