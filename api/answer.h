/* The envelopes of the API (API-010..016). Each function answers the request; any thread. */
#pragma once

#include "http/request.h"
#include "plan.h"

/* `metadata` is stolen; NULL is {}. `etag` may be NULL; it is quoted here (API-056). */
void answer_sync(Request *request, guint status, json_t *metadata, const char *etag);
/* The same in two parts, for metadata that is JSON text already: append it to what the first
 * returns, with room for `size` bytes; the second takes it over. */
GString *answer_begin(gsize size);
void answer_end(Request *request, GString *text, const char *etag);
/* The same with header fields (name, value, ..., NULL) instead of an ETag. */
void answer_with_headers(Request *request, Headers headers, json_t *metadata);
/* Header fields of a file as raw bytes (API-017), after `more` (may be NULL). `name` is what the
 * client may call it, escaped here; `modified` is in seconds since the epoch. */
char **answer_file_headers(const char *name, gint64 modified, Headers more);
/* Such a file; `fd` becomes the request's. */
void answer_file(Request *request, int fd, guint64 size, const char *name, gint64 modified);
/* 201 with the URL of what was made (API-011). */
void answer_created(Request *request, const char *url);
/* 202 with an operation (API-012); `operation` is stolen. */
void answer_async(Request *request, const char *url, json_t *operation);
/* A plan that is not carried out: {"text"} and what plan_shown gives (EN-20, EN-21). `shown` is
 * stolen. */
void answer_plan(Request *request, json_t *shown);
/* The error's own HTTP status and text (API-013); the header X-Berth-Error is
 * its word (base/error.h). */
void answer_error(Request *request, const GError *error);
