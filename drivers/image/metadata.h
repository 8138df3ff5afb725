/* metadata.yaml of an image (IMG-070..078). */
#pragma once

#include "json.h"

/* Parses and checks. `name` is what messages call it. Keys that mean nothing to berth are left out,
 * as images carry their makers' own. New reference:
 *   {"architecture": canonical name, "creation_date": seconds, "expiry_date": seconds (absent:
 * none), "properties": {K: TEXT}, "templates": {PATH: {"when": [WORD...], "template": FILE,
 * "properties": {K: TEXT}, "create_only": bool}}} */
json_t *metadata_parse(const char *name, const char *text, gsize length, GError **error);

/* Seconds since 1970 as RFC 3339 in UTC. Newly allocated. */
char *metadata_time(gint64 seconds);
