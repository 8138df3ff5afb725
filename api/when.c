#include "when.h"

char *when_text(gint64 microseconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(microseconds / G_USEC_PER_SEC);
    g_autofree char *seconds = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");

    return g_strdup_printf("%s.%06" G_GINT64_FORMAT "Z", seconds, microseconds % G_USEC_PER_SEC);
}

char *when_now(void)
{
    return when_text(g_get_real_time());
}

char *when_seconds(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);

    return seconds == 0 ? g_strdup(WHEN_NEVER) : g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
}

char *when_http(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);

    return time != NULL ? g_date_time_format(time, "%a, %d %b %Y %H:%M:%S GMT") : g_strdup("");
}
