/* The target of a request line, "/1.0/instances/a%2Fb?project=p", taken apart. Pure: text in,
 * values out. */
#pragma once

#include <glib.h>

typedef struct Target Target;

/* Reads a target of origin form (RFC 9112 3.2.1), or of absolute form whose authority is dropped.
 * Refused with ERR_INVALID: no leading
 * '/', a broken percent escape, an escaped NUL, bytes that are not UTF-8, control characters. Empty
 * segments are dropped, so that
 * "/1.0/" and "/1.0" are the same; "." and ".." are ordinary segments and mean nothing. */
Target *target_parse(const char *text, GError **error);
void target_free(Target *target);

/* The path as it was sent, without query. */
const char *target_path(const Target *target);

/* The decoded segments, NULL-terminated. A segment may hold any character, '/' (sent as %2F) among
 * them. */
const char *const *target_segments(const Target *target);

/* First value of a query parameter, "" when it has none, NULL when it is not there. */
const char *target_query(const Target *target, const char *name);

/* All values of a query parameter in the order sent, NULL-terminated. The vector is newly allocated
 * (g_free), its strings are not. */
const char **target_query_all(const Target *target, const char *name);

/* The names of all query parameters in the order sent, each once, NULL-terminated; as above. */
const char **target_query_names(const Target *target);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Target, target_free)
