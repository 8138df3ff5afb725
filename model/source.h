/* A source's fields, and which source an object belongs to (EN-42, EN-43). */
#pragma once

#include "snapshot.h"

/* What `owner` of the objects of a source begins with; the source's name follows. */
#define SOURCE_OWNER "source:"

/* "source:NAME". Newly allocated. */
char *source_owner(const char *name);

/* The source that an object belongs to; NULL when it belongs to none, or to one that is gone.
 * Borrowed. */
const Object *source_of(const Snapshot *snapshot, const Object *object);

/* What is to happen when the host drifts from this object (EN-41): "off", "warn" or "correct" by
 * the row `mode` of its source; "warn" at most while that is suspended. NULL when no source has a
 * say. */
const char *source_mode(const Snapshot *snapshot, const Object *object);

/* A field of a source, or its default; NULL without either. Borrowed. */
const char *source_text(const Object *source, const char *field);
gboolean source_flag(const Object *source, const char *field);
/* A duration in seconds. */
gint64 source_seconds(const Object *source, const char *field);
