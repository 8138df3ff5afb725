#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "meter.h"
#include "output.h"

/* What is read so fast is not worth a line; then it is told of so often. */
#define READ_QUIET_US (300 * 1000)
#define READ_EVERY_US (100 * 1000)

/* Since when a step is told of: its rate is measured from there. */
typedef struct {
    gint64 since;
    guint64 bytes;
} Mark;

struct Progress {
    ProgressKind kind;
    gint64 started;
    gboolean drawn;
    GHashTable *marks; /* "KEY PATH NAME" of a running step -> Mark */
    Meter meter;       /* of what belongs to no step */
    Mark reading;
    gint64 told; /* when reading was told of last; 0: not yet */
};

Progress *progress_new(ProgressKind kind)
{
    Progress *progress = g_new0(Progress, 1);

    progress->kind = kind;
    progress->started = g_get_monotonic_time();
    progress->marks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return progress;
}

void progress_begin(Progress *progress)
{
    progress->started = g_get_monotonic_time();
}

void progress_end(Progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = FALSE;
}

void progress_free(Progress *progress)
{
    if (progress == NULL)
        return;
    progress_end(progress);
    if (progress->meter.tell != NULL)
        meter_listen(NULL);
    g_hash_table_unref(progress->marks);
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

/* Bytes a second since `mark`; 0 when it is too early to say. */
static double rate_since(const Mark *mark, guint64 bytes)
{
    gint64 passed = g_get_monotonic_time() - mark->since;

    return bytes > mark->bytes && passed > 0
               ? (double)(bytes - mark->bytes) * G_USEC_PER_SEC / (double)passed
               : 0;
}

/* "120.0 MB/1.2 GB 85.1 MB/s". Newly allocated. */
static char *bytes_text(guint64 bytes, guint64 total, double rate)
{
    g_autofree char *done = g_format_size(bytes);
    g_autofree char *all = g_format_size(total);
    g_autofree char *speed = g_format_size((guint64)rate);

    return g_strdup_printf("%s%s%s %s/s", done, total > 0 ? "/" : "", total > 0 ? all : "", speed);
}

static void draw(Progress *progress, const char *line)
{
    struct winsize size = {0};
    g_autofree char *cut = NULL;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
        size.ws_col = 80;
    cut = g_utf8_substring(line, 0, MIN(g_utf8_strlen(line, -1), size.ws_col - 1));
    fprintf(stderr, "\r\033[K%s", cut);
    fflush(stderr);
    progress->drawn = TRUE;
}

static void draw_bar(Progress *progress, const char *text, const ProgressCount *count)
{
    enum { CELLS = 24 };
    /* A step that tells its bytes counts as far as it is. */
    double part = count->bytes_total > 0 ? (double)count->bytes / (double)count->bytes_total : 0;
    guint filled =
        count->total > 0 ? (guint)((count->done + MIN(part, 1)) * CELLS / count->total) : 0;
    char bar[CELLS + 1];
    g_autofree char *line = NULL;

    memset(bar, '.', CELLS);
    memset(bar, '#', MIN(filled, (guint)CELLS));
    bar[CELLS] = '\0';
    line = g_strdup_printf("[%s] %u/%u  %.1f s  %s", bar, count->done, count->total,
                           seconds_since(progress->started), text);
    draw(progress, line);
}

static void print_line(json_t *line)
{
    char *dumped = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6));

    fprintf(stderr, "%s\n", dumped != NULL ? dumped : "{}");
    fflush(stderr);
    free(dumped);
}

/* Adds bytes, bytes_total where it is known, and rate (bytes a second). */
static void add_bytes(json_t *line, guint64 bytes, guint64 total, double rate)
{
    json_object_set_new(line, "bytes", json_integer((json_int_t)bytes));
    if (total > 0)
        json_object_set_new(line, "bytes_total", json_integer((json_int_t)total));
    json_object_set_new(line, "rate", json_integer((json_int_t)rate));
}

static void print_json(const Progress *progress, const Step *step, const char *label,
                       const char *text, StepState state, const ProgressCount *count, double rate)
{
    g_autoptr(json_t) line =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:f}", "type", "step", "object", label,
                  "step", step->name, "path", step->path, "text", text, "state", state_word(state),
                  "done", (json_int_t)count->done, "total", (json_int_t)count->total, "seconds",
                  seconds_since(progress->started));

    if (count->bytes > 0)
        add_bytes(line, count->bytes, count->bytes_total, rate);
    print_line(line);
}

void progress_fetch(void *data, const Object *object, const char *part, guint64 done, guint64 all,
                    guint64 speed)
{
    Progress *progress = data;
    g_autofree char *label = object_label(object);
    g_autofree char *bytes = bytes_text(done, all, (double)speed);
    g_autofree char *line = g_strdup_printf("%s: fetch %s, %s", label, part, bytes);
    g_autoptr(json_t) value = NULL;

    switch (progress->kind) {
    case PROGRESS_NONE:
        break;
    case PROGRESS_LINES:
        if (done == all)
            message("%s", line);
        break;
    case PROGRESS_BAR:
        draw(progress, line);
        break;
    case PROGRESS_JSON:
        value = json_pack("{s:s, s:s, s:s}", "type", "fetch", "object", label, "part", part);
        add_bytes(value, done, all, (double)speed);
        print_line(value);
        break;
    }
}

/* The rate of a step since it was told of first. */
static double step_rate(Progress *progress, const Step *step, StepState state, guint64 bytes)
{
    g_autofree char *key = g_strdup_printf("%s %s %s", step->key, step->path, step->name);
    Mark *mark = g_hash_table_lookup(progress->marks, key);
    double rate;

    if (mark == NULL) {
        mark = g_new(Mark, 1);
        *mark = (Mark){g_get_monotonic_time(), bytes};
        g_hash_table_insert(progress->marks, g_strdup(key), mark);
    }
    rate = rate_since(mark, bytes);
    if (state != STEP_RUNNING)
        g_hash_table_remove(progress->marks, key);
    return rate;
}

void progress_step(void *data, const Step *step, StepState state, const ProgressCount *count)
{
    Progress *progress = data;
    const FactRow *row = driver_row_by_name(step->name);
    const char *text = row != NULL && row->summary != NULL ? row->summary : step->name;
    double rate = step_rate(progress, step, state, count->bytes);
    g_autofree char *label = object_key_label(step->key);
    g_autofree char *bytes = bytes_text(count->bytes, count->bytes_total, rate);
    g_autofree char *line = g_strdup_printf("%s: %s%s%s", label, text, count->bytes > 0 ? " " : "",
                                            count->bytes > 0 ? bytes : "");

    switch (progress->kind) {
    case PROGRESS_NONE:
        break;
    case PROGRESS_LINES:
        if (state != STEP_WAITING && state != STEP_RUNNING)
            message_verbose("%u/%u %s: %s (%s)", count->done, count->total, state_word(state), line,
                            step->path);
        break;
    case PROGRESS_BAR:
        draw_bar(progress, state == STEP_UNDONE || state == STEP_UNDO_FAILED ? "undoing" : line,
                 count);
        break;
    case PROGRESS_JSON:
        print_json(progress, step, label, text, state, count, rate);
        break;
    }
}

/* Meter.tell of what belongs to no step. */
static void read_bytes(void *data, guint64 done, guint64 total)
{
    Progress *progress = data;
    gint64 now = g_get_monotonic_time();
    g_autofree char *bytes = NULL;
    g_autofree char *text = NULL;
    double rate;

    if (progress->reading.since == 0 || done < progress->reading.bytes)
        progress->reading = (Mark){now, done};
    if (progress->kind == PROGRESS_BAR && now - progress->reading.since < READ_QUIET_US)
        return;
    if (now - progress->told < READ_EVERY_US && done < total)
        return;
    progress->told = now;
    rate = rate_since(&progress->reading, done);
    if (progress->kind == PROGRESS_JSON) {
        g_autoptr(json_t) line =
            json_pack("{s:s, s:f}", "type", "read", "seconds", seconds_since(progress->started));

        add_bytes(line, done, total, rate);
        print_line(line);
    } else if (done == total) {
        progress_end(progress);
    } else {
        bytes = bytes_text(done, total, rate);
        text = g_strdup_printf("reading images: %s", bytes);
        draw(progress, text);
    }
}

void progress_listen(Progress *progress)
{
    if (progress->kind != PROGRESS_BAR && progress->kind != PROGRESS_JSON)
        return;
    progress->meter = (Meter){read_bytes, progress};
    meter_listen(&progress->meter);
}
