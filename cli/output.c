#include "output.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#include "error.h"
#include "secrets.h"

static struct {
    gboolean quiet, verbose, to_log;
    int failed; /* errno of the first write that failed; 0: none */
} output;

void output_init(gboolean quiet, gboolean verbose)
{
    output.quiet = quiet;
    output.verbose = verbose;
    signal(SIGPIPE, SIG_IGN);
}

void output_text(const char *text)
{
    g_autofree char *shown = secrets_shown(text);

    if (output.failed != 0)
        return;
    if (fputs(shown, stdout) == EOF || (isatty(STDOUT_FILENO) && fflush(stdout) == EOF))
        output.failed = errno;
}

void output_printf(const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    output_text(text);
}

gboolean output_flush(void)
{
    if (output.failed == 0 && fflush(stdout) == EOF)
        output.failed = errno;
    return output.failed == 0;
}

gboolean output_finish(GError **error)
{
    output_flush();
    if (output.failed == 0 || output.failed == EPIPE)
        return TRUE;
    return error_errno(error, output.failed, "write to standard output");
}

static void message_text(int priority, const char *prefix, const char *raw)
{
    g_autofree char *text = secrets_shown(raw);

    /* Data that belongs before this message must not come after it on a terminal that shows both.
     */
    output_flush();
    fprintf(stderr, "%s%s\n", prefix, text);
    if (output.to_log)
        syslog(priority, "%s", text);
}

static void message_line(int priority, const char *prefix, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);

    message_text(priority, prefix, text);
}

void message(const char *format, ...)
{
    va_list args;

    if (output.quiet)
        return;
    va_start(args, format);
    message_line(LOG_NOTICE, "", format, args);
    va_end(args);
}

void message_verbose(const char *format, ...)
{
    va_list args;

    if (!output.verbose || output.quiet)
        return;
    va_start(args, format);
    message_line(LOG_NOTICE, "", format, args);
    va_end(args);
}

void message_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    message_line(LOG_WARNING, "berth: warning: ", format, args);
    va_end(args);
}

void message_error(const char *text)
{
    message_text(LOG_ERR, "berth: ", text);
}

void message_to_log(void)
{
    struct stat file;

    output.to_log =
        fstat(STDERR_FILENO, &file) == 0 && S_ISCHR(file.st_mode) && file.st_rdev == makedev(1, 3);
    if (output.to_log)
        openlog("berth", LOG_PID, LOG_DAEMON);
}

gboolean output_is_quiet(void)
{
    return output.quiet;
}

gboolean output_is_verbose(void)
{
    return output.verbose;
}

static gboolean colour_on(int fd)
{
    const char *no_colour = g_getenv("NO_COLOR");

    return isatty(fd) && (no_colour == NULL || *no_colour == '\0') &&
           g_strcmp0(g_getenv("TERM"), "dumb") != 0;
}

gboolean output_colour(void)
{
    return colour_on(STDOUT_FILENO);
}

gboolean message_colour(void)
{
    return colour_on(STDERR_FILENO);
}

gboolean message_is_terminal(void)
{
    return isatty(STDERR_FILENO);
}
