#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "output.h"

struct Progress {
    ProgressKind kind;
    gint64 started;
    gboolean drawn;
};

Progress *progress_new(ProgressKind kind)
{
    Progress *progress = g_new0(Progress, 1);

    progress->kind = kind;
    progress->started = g_get_monotonic_time();
    return progress;
}

void progress_free(Progress *progress)
{
    if (progress == NULL)
        return;
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    g_free(progress);
}

static const char *state_word(StepState state)
{
    static const char *const words[] = {
        [STEP_WAITING] = "waiting", [STEP_RUNNING] = "running", [STEP_DONE] = "done",
        [STEP_FAILED] = "failed",   [STEP_UNDONE] = "undone",   [STEP_UNDO_FAILED] = "undo-failed",
    };

    return (guint)state < G_N_ELEMENTS(words) ? words[state] : "?";
}

static double seconds_since(gint64 start)
{
    return (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
}

static void draw_bar(Progress *progress, const char *text, guint done, guint total)
{
    enum { CELLS = 24 };
    struct winsize size = {0};
    double seconds = seconds_since(progress->started);
    guint filled = total > 0 ? done * CELLS / total : 0;
    char bar[CELLS + 1];
    g_autofree char *line = NULL;
    g_autofree char *cut = NULL;

    memset(bar, '.', CELLS);
    memset(bar, '#', MIN(filled, (guint)CELLS));
    bar[CELLS] = '\0';
    line = g_strdup_printf("[%s] %u/%u  %.1f s  %.0f steps/s  %s", bar, done, total, seconds,
                           seconds > 0 ? done / seconds : 0, text);
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
        size.ws_col = 80;
    cut = g_utf8_substring(line, 0, MIN(g_utf8_strlen(line, -1), size.ws_col - 1));
    fprintf(stderr, "\r\033[K%s", cut);
    fflush(stderr);
    progress->drawn = TRUE;
}

static void print_json(const Progress *progress, const Step *step, const char *label,
                       const char *text, StepState state, guint done, guint total)
{
    g_autoptr(json_t) line = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:f}", "type", "step", "object", label, "step",
        step->name, "path", step->path, "text", text, "state", state_word(state), "done",
        (json_int_t)done, "total", (json_int_t)total, "seconds", seconds_since(progress->started));
    char *dumped = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6));

    fprintf(stderr, "%s\n", dumped != NULL ? dumped : "{}");
    fflush(stderr);
    free(dumped);
}

void progress_step(void *data, const Step *step, StepState state, guint done, guint total)
{
    Progress *progress = data;
    const FactRow *row = driver_row_by_name(step->name);
    const char *text = row != NULL && row->summary != NULL ? row->summary : step->name;
    g_autofree char *label = object_key_label(step->key);
    g_autofree char *line = g_strdup_printf("%s: %s", label, text);

    switch (progress->kind) {
    case PROGRESS_NONE:
        break;
    case PROGRESS_LINES:
        if (state != STEP_WAITING && state != STEP_RUNNING)
            message_verbose("%u/%u %s: %s (%s)", done, total, state_word(state), line, step->path);
        break;
    case PROGRESS_BAR:
        draw_bar(progress, state == STEP_UNDONE || state == STEP_UNDO_FAILED ? "undoing" : line,
                 done, total);
        break;
    case PROGRESS_JSON:
        print_json(progress, step, label, text, state, done, total);
        break;
    }
}
