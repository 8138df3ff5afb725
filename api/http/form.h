/* Bodies of type multipart/form-data (RFC 7578) in a file: where their parts are. */
#pragma once

#include <glib.h>

typedef struct {
    char *name;
    char *filename; /* NULL: none */
    guint64 offset, size;
} FormPart;

void form_part_free(FormPart *part);

/* Whether a Content-Type says multipart/form-data. */
gboolean form_is(const char *content_type);

/* The parts (of FormPart *) in order. Reads with pread(2), a block at a time, whatever the size.
 * ERR_INVALID for what is no such body, or has more than 16 parts or a header longer than 8 KiB. */
GPtrArray *form_read(int fd, guint64 size, const char *content_type, GError **error);
