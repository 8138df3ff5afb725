/* The members of a tar (plain or zstd) that anybody may have made, one after the other: the helper
 * berth-unpack parses it in its sandbox, and hands over names and bytes. */
#pragma once

#include "json.h"

typedef struct TarStream TarStream;

/* `fd` is read from where it is, and borrowed. */
TarStream *tar_stream_open(int fd, GError **error);
/* Ends the helper when it is not done. */
void tar_stream_free(TarStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TarStream, tar_stream_free)

typedef struct {
    char *name;       /* NULL: it is no text, or overlong */
    char *shown;      /* printable */
    gboolean regular; /* a file, and no link */
    guint64 size;
} TarMember;

/* The next member, borrowed until the next call; what is left of the last one is skipped. NULL in
 * `ret` at the end. ERR_INVALID when it is damaged. */
gboolean tar_stream_next(TarStream *stream, const TarMember **ret, GError **error);
/* Content of it: so many bytes, not more than are left. */
gboolean tar_stream_read(TarStream *stream, void *bytes, gsize length, GError **error);
