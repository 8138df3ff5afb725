#include "housekeeping.h"

#include "context.h"
#include "instance/logs.h"

#define DAY (24 * 3600)

/* In a thread. Recorded output of commands goes after 48 hours (OPS-40). */
static void clean(void *data)
{
    const Daemon *daemon = data;
    g_autoptr(GError) error = NULL;

    if (!logs_expire(daemon->dir, g_get_real_time() / G_USEC_PER_SEC, &error))
        g_warning("old output of commands cannot be deleted: %s", error->message);
}

static void cleaned(void *data)
{
    g_debug("old output of commands is deleted");
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
