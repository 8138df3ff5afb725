#include "log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "secrets.h"
#include "when.h"

static int output = STDERR_FILENO;
static GLogLevelFlags highest = G_LOG_LEVEL_WARNING;
static Events *listeners; /* atomic */

/* As LXD names them (EV-16). */
static const char *level_name(GLogLevelFlags level)
{
    if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0)
        return "error";
    if ((level & G_LOG_LEVEL_WARNING) != 0)
        return "warning";
    return (level & G_LOG_LEVEL_DEBUG) != 0 ? "debug" : "info";
}

static const char *field(const GLogField *fields, gsize n, const char *name)
{
    for (gsize i = 0; i < n; i++) {
        if (strcmp(fields[i].key, name) == 0 && fields[i].length < 0)
            return fields[i].value;
    }
    return NULL;
}

static void write_line(const char *level, const char *domain, const char *message)
{
    g_autofree char *time = when_now();
    g_autofree char *shown = secrets_shown(message);
    g_autofree char *quoted = g_strescape(shown, NULL);
    g_autofree char *line =
        g_strdup_printf("time=\"%s\" level=%s domain=%s msg=\"%s\"\n", time, level, domain, quoted);

    /* One call a line, so that lines of threads do not mix. Nowhere to complain to. */
    if (write(output, line, strlen(line)) < 0)
        return;
}

static GLogWriterOutput write_log(GLogLevelFlags level, const GLogField *fields, gsize n,
                                  gpointer data)
{
    const char *message = field(fields, n, "MESSAGE");
    const char *domain = field(fields, n, "GLIB_DOMAIN");
    Events *events = g_atomic_pointer_get(&listeners);

    if (message == NULL)
        return G_LOG_WRITER_UNHANDLED;
    if (domain == NULL)
        domain = "berthd";
    if ((level & G_LOG_LEVEL_MASK) <= highest)
        write_line(level_name(level), domain, message);
    if (events != NULL && g_utf8_validate(message, -1, NULL))
        events_send(events, EVENT_LOGGING, NULL,
                    json_pack("{s:s, s:s, s:{s:s}}", "message", message, "level", level_name(level),
                              "context", "domain", domain));
    return G_LOG_WRITER_HANDLED;
}

gboolean log_start(const char *file, GLogLevelFlags level, GError **error)
{
    if (file != NULL)
        output = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (output < 0)
        return error_errno(error, errno, "open the log file %s", file);
    highest = level;
    g_log_set_writer_func(write_log, NULL, NULL);
    return TRUE;
}

void log_to_events(Events *events)
{
    g_atomic_pointer_set(&listeners, events);
}
