/* What web pages of other origins may do with the API: core.https_allowed_* (API-085, SV-29..32).
 */
#pragma once

#include "http/request.h"
#include "snapshot.h"

/* Adds the header fields to the answer of a request, whatever it will be. */
void cors_apply(const Snapshot *model, Request *request);
