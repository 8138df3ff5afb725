/* Progress on stderr (EN-34): a bar on a terminal, one JSON line each with --format jsonl, lines
 * with -v. */
#pragma once

#include "engine.h"

typedef struct Progress Progress;

typedef enum { PROGRESS_NONE, PROGRESS_LINES, PROGRESS_BAR, PROGRESS_JSON } ProgressKind;

Progress *progress_new(ProgressKind kind);
void progress_free(Progress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Progress, progress_free)

/* An apply begins: time is counted from here; and ends: the bar is wiped away. */
void progress_begin(Progress *progress);
void progress_end(Progress *progress);

/* A ProgressFunction; `data` is the Progress. */
void progress_step(void *data, const Step *step, StepState state, const ProgressCount *count);

/* ApplyOptions.fetching; `data` is the Progress. */
void progress_fetch(void *data, const Object *object, const char *part, guint64 done, guint64 all,
                    guint64 speed);

/* From now on the calling thread tells of long work that belongs to no step: image files that are
 * read while a plan is made. Until progress_free. */
void progress_listen(Progress *progress);
