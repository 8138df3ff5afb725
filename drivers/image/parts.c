#include "image/parts.h"

#include <fcntl.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "form.h"

int image_part_new(const char *dir, GError **error)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        error_errno(error, errno, "open a file in %s", dir);
    return fd;
}

gboolean image_parts_are(const char *type)
{
    return type != NULL && g_ascii_strncasecmp(type, "multipart/", strlen("multipart/")) == 0;
}

/* A part of the body as a file of its own. */
static int copy_part(const char *dir, int body, const FormPart *part, GError **error)
{
    g_auto(Fd) fd = image_part_new(dir, error);
    loff_t from = (loff_t)part->offset;
    guint64 left = part->length;

    while (fd >= 0 && left > 0) {
        ssize_t n = copy_file_range(body, &from, fd, NULL, MIN(left, 1u << 30), 0);

        if (n <= 0) {
            error_errno(error, n < 0 ? errno : EIO, "take the image apart");
            return -1;
        }
        left -= (guint64)n;
    }
    return fd_steal(&fd);
}

gboolean image_parts_take(const char *dir, int body, guint64 size, const char *type,
                          int *ret_metadata, int *ret_rootfs, char **ret_filename, GError **error)
{
    g_autoptr(GPtrArray) parts = form_read(body, size, type, error);
    const FormPart *metadata, *rootfs;
    g_auto(Fd) first = -1, second = -1;

    if (parts == NULL)
        return FALSE;
    metadata = parts->len > 0 ? parts->pdata[0] : NULL;
    rootfs = parts->len > 1 ? parts->pdata[1] : NULL;
    if (metadata == NULL || strcmp(metadata->name, "metadata") != 0)
        return error_set(error, ERR_INVALID, "Invalid multipart image");
    if (rootfs == NULL || parts->len > 2 ||
        (strcmp(rootfs->name, "rootfs") != 0 && strcmp(rootfs->name, "rootfs.img") != 0))
        return error_set(error, ERR_INVALID,
                         "Invalid multipart image: the second part, and the last, is the rootfs");
    first = copy_part(dir, body, metadata, error);
    if (first < 0)
        return FALSE;
    second = copy_part(dir, body, rootfs, error);
    if (second < 0)
        return FALSE;
    *ret_filename = g_strdup(rootfs->filename);
    *ret_metadata = fd_steal(&first);
    *ret_rootfs = fd_steal(&second);
    return TRUE;
}
