#include "housekeeping.h"

#include "context.h"
#include "instance/logs.h"
#include "warnings.h"

#define DAY (24 * 3600) /* seconds */

/* In a thread. Recorded output of commands goes after 48 hours (OPS-40), resolved warnings after a
 * day (OPS-107). */
static void clean(void *data)
{
    const Daemon *daemon = data;
    g_autoptr(GError) error = NULL;

    if (!logs_expire(daemon->dir, g_get_real_time() / G_USEC_PER_SEC, &error))
        g_warning("old output of commands cannot be deleted: %s", error->message);
    g_clear_error(&error);
    if (!warnings_expire(engine_store(daemon->engine),
                         g_get_real_time() - (gint64)DAY * G_USEC_PER_SEC, &error))
        g_warning("resolved warnings cannot be deleted: %s", error->message);
}

static void cleaned(void *data)
{
    g_debug("old output of commands and resolved warnings are deleted");
}

static gboolean every_day(gpointer data)
{
    context_background(data, clean, cleaned, data);
    return G_SOURCE_CONTINUE;
}

void housekeeping_start(Daemon *daemon)
{
    every_day(daemon);
    g_timeout_add_seconds(DAY, every_day, daemon);
}
