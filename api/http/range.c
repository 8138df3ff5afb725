#include "http/range.h"

#include <string.h>

/* Digits at `*at`, which moves behind them. FALSE when there are none or too many. */
static gboolean read_number(const char **at, guint64 *ret)
{
    char *end;

    if (!g_ascii_isdigit(**at))
        return FALSE;
    *ret = g_ascii_strtoull(*at, &end, 10);
    *at = end;
    return *ret != G_MAXUINT64;
}

RangeResult range_parse(const char *text, guint64 size, guint64 *ret_first, guint64 *ret_length)
{
    guint64 first = 0;
    guint64 last = G_MAXUINT64;
    const char *at = text;

    if (g_ascii_strncasecmp(at, "bytes=", 6) != 0)
        return RANGE_WHOLE;
    at += 6;
    if (*at == '-') {
        guint64 tail;

        at++;
        if (!read_number(&at, &tail) || *at != '\0')
            return RANGE_WHOLE;
        if (tail == 0 || size == 0)
            return RANGE_BAD;
        first = tail < size ? size - tail : 0;
    } else {
        if (!read_number(&at, &first) || *at++ != '-')
            return RANGE_WHOLE;
        if (*at != '\0' && (!read_number(&at, &last) || *at != '\0' || last < first))
            return RANGE_WHOLE;
        if (first >= size)
            return RANGE_BAD;
    }
    *ret_first = first;
    *ret_length = MIN(last, size - 1) - first + 1;
    return RANGE_PART;
}
