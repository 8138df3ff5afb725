/* The header field Range (RFC 9110, 14.2), one range of bytes. Pure. */
#pragma once

#include <glib.h>

typedef enum {
    RANGE_WHOLE, /* no byte range, or several, or not understood: the whole is the answer */
    RANGE_PART,  /* ret_first and ret_length are set */
    RANGE_BAD,   /* outside: 416 */
} RangeResult;

RangeResult range_parse(const char *text, guint64 size, guint64 *ret_first, guint64 *ret_length);
