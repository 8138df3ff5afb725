#include "deadline_watch.h"

#include <string.h>

#include "engine.h"
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

void deadline_watch_start(const char *dir)
{
    g_autoptr(GError) error = NULL;

    if (start_service(dir))
        return;
    if (!start_process(dir, &error))
        message(
            "warning: nothing waits for the deadline (%s); the next berth that writes acts on it",
            error->message);
    else if (strcmp(dir, SERVICE_DIR) == 0)
        message("warning: after a reboot the next berth that writes acts on the deadline, because "
                "%s is not enabled (systemctl enable %s)",
                SERVICE, SERVICE);
    else
        message("warning: after a reboot the next berth that writes acts on the deadline");
}

/* Opening the state directory takes back whatever is due. */
static gboolean take_back(const char *dir, GError **error)
{
    g_autoptr(Host) host = host_real_new(dir);
    g_autoptr(Engine) engine = engine_open(host, 0, error);

    if (engine != NULL && engine_recovered(engine) != NULL)
        message("%s", engine_recovered(engine));
    return engine != NULL;
}

gboolean deadline_watch_run(const char *dir, GError **error)
{
    g_autoptr(StateWatch) watch = state_watch_new(dir, error);
    g_autoptr(Host) host = host_real_new(dir);
    g_autoptr(Engine) engine = watch != NULL ? engine_open(host, ENGINE_READ_ONLY, error) : NULL;
    gboolean changed, tried = FALSE;

    if (engine == NULL)
        return FALSE;
    for (;;) {
        gint64 next = engine_next_revert(engine);

        if (next == 0)
            return TRUE;
        if (next > moment_now() || tried) {
            state_watch_until(watch, tried ? moment_now() + AGAIN : next);
            tried = FALSE;
        } else if (take_back(dir, error)) {
            tried = TRUE; /* what is still there failed */
        } else {
            return FALSE;
        }
        if (!engine_refresh(engine, &changed, error))
            return FALSE;
    }
}
