/* Numbers with units, as instances.md section 9 defines them. */
#pragma once

#include <glib.h>

/* Bytes: "10", "1GiB", "2kB", "10 bytes" (I-503, I-504). No fraction, no sign, no overflow. */
gboolean units_parse_bytes(const char *text, gint64 *ret, GError **error);
/* Bits a second: "100Mbit" (I-501, I-502). */
gboolean units_parse_bits(const char *text, gint64 *ret, GError **error);
/* Largest binary unit that divides it: "1GiB". Newly allocated. */
char *units_format_bytes(gint64 bytes);
/* Seconds of "90s", "2m", "1h30m", "2h", "7d"; bare numbers are seconds. */
gboolean units_parse_duration(const char *text, gint64 *ret_seconds, GError **error);
