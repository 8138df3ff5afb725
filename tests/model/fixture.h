/* Small models for tests: objects from JSON text, and the problems that the checks find in them. */
#pragma once

#include "validate.h"

typedef struct {
    GPtrArray *objects; /* of Object * */
    Problems *problems;
    Snapshot *snapshot;
} Fixture;

void fixture_init(Fixture *fixture);
void fixture_clear(Fixture *fixture);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

/* Adds an object; `text` is its spec as JSON with single quotes for double ones. Borrowed. */
const Object *fixture_add(Fixture *fixture, KindId kind, const char *project, const char *name,
                          const char *text);

/* Builds the snapshot of what was added and runs the hook of each object's kind. */
void fixture_check(Fixture *fixture);
/* The same with limits and restrictions of one project instead of the hooks. */
void fixture_check_limits(Fixture *fixture, const char *project);

/* How many problems of the severity were found. */
guint fixture_count(const Fixture *fixture, Severity severity);
/* Whether one of that severity is at `path` (NULL: anywhere) and has `part` in its text. */
gboolean fixture_found(const Fixture *fixture, Severity severity, const char *path,
                       const char *part);
/* All of them, one a line, for messages of assertions. Newly allocated. */
char *fixture_text(const Fixture *fixture);
