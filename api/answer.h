/* The envelopes of the API (API-010..016). Each function answers the request; any thread. */
#pragma once

#include "http/request.h"
#include "json.h"

/* `metadata` is stolen; NULL is {}. `etag` may be NULL; it is quoted here (API-056). */
void answer_sync(Request *request, guint status, json_t *metadata, const char *etag);
/* 201 with the URL of what was made (API-011). */
void answer_created(Request *request, const char *url);
/* 202 with an operation (API-012); `operation` is stolen. */
void answer_async(Request *request, const char *url, json_t *operation);
/* The error's own HTTP status and text (API-013). */
void answer_error(Request *request, const GError *error);
