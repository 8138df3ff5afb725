/* Progress of an apply on stderr (EN-34): a bar on a terminal, one JSON line a step with --format
 * jsonl, lines with -v. */
#pragma once

#include "engine.h"

typedef struct Progress Progress;

typedef enum { PROGRESS_NONE, PROGRESS_LINES, PROGRESS_BAR, PROGRESS_JSON } ProgressKind;

Progress *progress_new(ProgressKind kind);
/* Ends the bar. */
void progress_free(Progress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Progress, progress_free)

/* A ProgressFunction; `data` is the Progress. */
void progress_step(void *data, const Step *step, StepState state, guint done, guint total);
