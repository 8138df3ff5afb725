/* Bodies of type multipart/form-data (RFC 7578) in files: where the parts of one are, and how files
 * become one. */
#pragma once

#include <glib.h>

typedef struct {
    char *name;
    char *filename; /* its last path component; NULL: none */
    char *type;     /* Content-Type; NULL: none */
    guint64 offset; /* of the content in the body */
    guint64 length;
} FormPart;

/* The parts (of FormPart *) of the body of `size` bytes in `fd`, in order. Reads with pread(2), a
 * window at a time. NULL with ERR_INVALID when it is no such body. */
GPtrArray *form_read(int fd, guint64 size, const char *content_type, GError **error);

typedef struct {
    const char *name;
    const char *filename;
    int fd;       /* read from its start, whatever its position */
    guint64 size; /* bytes of it */
} FormFile;

/* One body of `count` files in an unlinked file of `folder`, position 0. -1 with an error.
 * `ret_type` (newly allocated) gets its Content-Type. */
int form_write(const FormFile *files, guint count, const char *folder, char **ret_type,
               guint64 *ret_size, GError **error);
