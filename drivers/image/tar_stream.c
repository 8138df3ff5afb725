#include "image/tar_stream.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "helper.h"
#include "spawn.h"

#define TIMEOUT_MS (60u * 60u * 1000u)
#define LINE_MAX_BYTES 16384u
#define BLOCK 65536u

struct TarStream {
    FILE *from;
    GThread *thread; /* that waits for the helper */
    char *helper;
    int file; /* what it reads */
    int to;   /* its output */
    volatile gint cancel;
    GError *failure; /* of the helper, once the thread is joined */
    TarMember member;
    guint64 left; /* bytes of it */
};

static gpointer run_helper(gpointer data)
{
    TarStream *stream = data;
    const char *argv[] = {stream->helper, NULL};
    const SpawnOptions options = {.input = "{\"action\": \"stream\", \"file\": \"/dev/null\"}",
                                  .timeout_ms = TIMEOUT_MS,
                                  .output_fd = stream->to,
                                  .keep_fd = stream->file,
                                  .cancel = &stream->cancel};

    spawn_run(argv, &options, NULL, &stream->failure);
    fd_close(stream->to); /* the end of what there is to read */
    return NULL;
}

TarStream *tar_stream_open(int fd, GError **error)
{
    g_autoptr(TarStream) stream = g_new0(TarStream, 1);
    int pipes[2];

    stream->file = fd;
    stream->helper = helper_path("berth-unpack", error);
    if (stream->helper == NULL)
        return NULL;
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        error_errno(error, errno, "make a pipe");
        return NULL;
    }
    stream->from = fdopen(pipes[0], "r");
    stream->to = pipes[1];
    stream->thread = g_thread_new("tar-stream", run_helper, stream);
    return g_steal_pointer(&stream);
}

static void end_helper(TarStream *stream)
{
    g_clear_pointer(&stream->thread, g_thread_join);
}

static void clear_member(TarStream *stream)
{
    g_clear_pointer(&stream->member.name, g_free);
    g_clear_pointer(&stream->member.shown, g_free);
}

void tar_stream_free(TarStream *stream)
{
    if (stream == NULL)
        return;
    g_atomic_int_set(&stream->cancel, 1);
    g_clear_pointer(&stream->from, fclose);
    if (stream->thread != NULL)
        end_helper(stream);
    clear_member(stream);
    g_clear_error(&stream->failure);
    g_free(stream->helper);
    g_free(stream);
}

/* It ended in the middle: the helper knows why, or was ended itself. */
static gboolean ended(TarStream *stream, GError **error)
{
    if (stream->thread != NULL)
        end_helper(stream);
    return error_set(error, ERR_INVALID, "it is damaged or no bundle: %s",
                     stream->failure != NULL ? stream->failure->message : "it ends too early");
}

gboolean tar_stream_read(TarStream *stream, void *bytes, gsize length, GError **error)
{
    g_return_val_if_fail(length <= stream->left, FALSE);
    if (fread(bytes, 1, length, stream->from) != length)
        return ended(stream, error);
    stream->left -= length;
    return TRUE;
}

static gboolean skip(TarStream *stream, GError **error)
{
    char buffer[BLOCK];

    while (stream->left > 0)
        if (!tar_stream_read(stream, buffer, (gsize)MIN(stream->left, sizeof buffer), error))
            return FALSE;
    return TRUE;
}

gboolean tar_stream_next(TarStream *stream, const TarMember **ret, GError **error)
{
    char line[LINE_MAX_BYTES];
    g_autoptr(json_t) told = NULL;
    const char *shown;

    *ret = NULL;
    if (!skip(stream, error))
        return FALSE;
    clear_member(stream);
    if (fgets(line, sizeof line, stream->from) == NULL)
        return ended(stream, error);
    told = json_loads(line, 0, NULL);
    if (json_is_true(json_object_get(told, "end")))
        return TRUE;
    shown = json_member_string(told, "shown");
    if (shown == NULL) {
        const char *damage = json_member_string(told, "damaged");

        return error_set(error, ERR_INVALID, "it is damaged or no bundle: %s",
                         damage != NULL ? damage : "the unpacker was not understood");
    }
    stream->member = (TarMember){g_strdup(json_member_string(told, "name")), g_strdup(shown),
                                 json_is_true(json_object_get(told, "regular")),
                                 (guint64)json_integer_value(json_object_get(told, "size"))};
    stream->left = stream->member.size;
    *ret = &stream->member;
    return TRUE;
}
