#include "unpack/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "json.h"

#define BLOCK (256u << 10)
#define NAME_MAX_BYTES 1024u
#define SHOWN_MAX 120

typedef struct archive Archive;
typedef struct archive_entry Entry;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Archive, archive_free)

static gboolean write_line(int fd, json_t *value)
{
    g_autoptr(json_t) owned = value;
    g_autofree char *text = json_text(owned);
    g_autofree char *line = g_strconcat(text, "\n", NULL);

    return file_write_all(fd, line, strlen(line));
}

static gboolean tell_damage(int to, Archive *archive)
{
    g_autofree char *text = g_utf8_make_valid(
        archive_error_string(archive) != NULL ? archive_error_string(archive) : "it ends too early",
        -1);

    return write_line(to, json_pack("{s:s}", "damaged", text));
}

static json_t *describe(Entry *entry)
{
    const char *name = archive_entry_pathname(entry);
    g_autofree char *start = g_strndup(name != NULL ? name : "", SHOWN_MAX);
    g_autofree char *shown = g_strescape(start, NULL);
    gboolean is_text =
        name != NULL && strlen(name) <= NAME_MAX_BYTES && g_utf8_validate(name, -1, NULL);
    gboolean regular = archive_entry_hardlink(entry) == NULL &&
                       archive_entry_symlink(entry) == NULL &&
                       archive_entry_filetype(entry) == AE_IFREG &&
                       archive_entry_size_is_set(entry) && archive_entry_size(entry) >= 0;

    return json_pack("{s:s*, s:s, s:b, s:I}", "name", is_text ? name : NULL, "shown", shown,
                     "regular", regular, "size",
                     regular ? (json_int_t)archive_entry_size(entry) : 0);
}

/* What the header promised, or damage. Who reads waits for bytes and not for a line: what is
 * missing cannot be told, and the stream just ends. */
static gboolean copy(Archive *archive, int to, guint64 size, char *buffer)
{
    while (size > 0) {
        la_ssize_t n = archive_read_data(archive, buffer, MIN(BLOCK, size));

        if (n <= 0 || !file_write_all(to, buffer, (gsize)n))
            return FALSE;
        size -= (guint64)n;
    }
    return TRUE;
}

gboolean stream_tar(int from, int to)
{
    g_autoptr(Archive) archive = archive_read_new();
    g_autofree char *buffer = g_malloc(BLOCK);
    Entry *entry;
    int code;

    archive_read_support_filter_zstd(archive);
    archive_read_support_format_tar(archive);
    if (archive_read_open_fd(archive, from, BLOCK) != ARCHIVE_OK)
        return tell_damage(to, archive);
    while ((code = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        json_t *member = describe(entry);
        guint64 size = (guint64)json_integer_value(json_object_get(member, "size"));

        if (!write_line(to, member) || !copy(archive, to, size, buffer))
            return FALSE;
    }
    return code == ARCHIVE_EOF ? write_line(to, json_pack("{s:b}", "end", TRUE))
                               : tell_damage(to, archive);
}
