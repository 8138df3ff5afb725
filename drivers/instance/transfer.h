/* Files of instances, running or not (API-080..084): what is at a path, and changes. Paths are
 * absolute and looked up inside, by the helper berth-files in the instance's own namespaces; ids
 * are those that the instance sees.
 *
 * All calls wait and are for worker threads. Errors: ERR_NOT_FOUND, ERR_INVALID (a directory where
 * a file is wanted, a FIFO, socket or device, a directory that is not empty, a bad path),
 * ERR_PERMISSION, ERR_EXISTS (a link of that name leads elsewhere), ERR_REFUSED (no space).
 * A file system inside that does not answer for 30 seconds ends the call with ERR_FAILED. */
#pragma once

#include "host.h"

typedef enum { FILE_PLAIN, FILE_DIRECTORY, FILE_SYMLINK } FileType;

/* "file", "directory", "symlink" (X-LXD-type), and back; FALSE with ERR_INVALID. */
const char *file_type_name(FileType type);
gboolean file_type_parse(const char *name, FileType *ret_type, GError **error);

/* What is at a path; the last part is not followed. */
typedef struct {
    FileType type;
    guint32 uid, gid;
    guint mode;      /* permission bits */
    guint64 size;    /* bytes */
    gint64 modified; /* seconds since 1970 */
    /* Of transfer_get alone: */
    int content;          /* of a file: a pipe that carries `size` bytes; fewer when the file became
                             shorter meanwhile. Else -1 */
    GStrv entries;        /* of a directory: names, sorted; else NULL */
    char *target;         /* of a link, as an absolute path; else NULL */
    struct LxcCall *call; /* of the helper, which works until the content is read */
} FileInfo;

void file_info_free(FileInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FileInfo, file_info_free)

/* NULL with an error. The content ends when the result is freed. */
FileInfo *transfer_head(Host *host, const Object *object, const char *path, GError **error);
FileInfo *transfer_get(Host *host, const Object *object, const char *path, GError **error);

/* What a new file, directory or link gets; -1: 0:0, and 0644 for files, 0750 for directories. What
 * is there keeps what it has (API-082). */
typedef struct {
    gint64 uid, gid;
    int mode;
} FileOwner;

/* Writes what can be read from `content` up to its end (-1: nothing). A file that is there is
 * replaced in place, or added to; of a link, what it leads to inside. */
gboolean transfer_put(Host *host, const Object *object, const char *path, int content,
                      gboolean append, const FileOwner *owner, GError **error);
/* One that is there is success. The folder above must be there. */
gboolean transfer_make_directory(Host *host, const Object *object, const char *path,
                                 const FileOwner *owner, GError **error);
/* One that is there with the same target is success. */
gboolean transfer_make_link(Host *host, const Object *object, const char *path, const char *target,
                            const FileOwner *owner, GError **error);
/* A file, link or whatever else, or an empty directory. */
gboolean transfer_delete(Host *host, const Object *object, const char *path, GError **error);
