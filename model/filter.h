/* The language of the `filter` query parameter (API-046 to API-055): clauses such as `name eq
 * web.*`, joined by `and` and `or`, read strictly from left to right. Parsed once, then asked for
 * each object in the shape that goes over the wire. */
#pragma once

#include "json.h"

typedef struct Filter Filter;

/* Parses decoded text. ERR_INVALID with one of the texts of API-053 when it is no filter; empty
 * text is one that matches everything (API-046). */
Filter *filter_parse(const char *text, GError **error);
void filter_free(Filter *filter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Filter, filter_free)

/* Whether an object passes. A filter of NULL passes everything. */
gboolean filter_matches(const Filter *filter, const json_t *object);
