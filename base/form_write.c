#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "form.h"

/* The kernel copies; across file systems copy_file_range(2) may not, sendfile(2) does. */
static gboolean copy(int from, int to, guint64 size)
{
    off_t offset = 0;

    while ((guint64)offset < size) {
        gsize left = (gsize)MIN(size - (guint64)offset, (guint64)1 << 30);
        gssize done = copy_file_range(from, &offset, to, NULL, left, 0);

        if (done < 0 &&
            (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
            done = sendfile(to, from, &offset, left);
        if (done < 0 && errno == EINTR)
            continue;
        if (done == 0)
            errno = EIO; /* shorter than was said */
        if (done <= 0)
            return FALSE;
    }
    return TRUE;
}

/* Quotes as RFC 7578 and browsers do. */
static char *quoted(const char *text)
{
    g_autoptr(GString) out = g_string_new(text);

    g_string_replace(out, "\r", "%0D", 0);
    g_string_replace(out, "\n", "%0A", 0);
    g_string_replace(out, "\"", "%22", 0);
    return g_strdup(out->str);
}

int form_write(const FormFile *files, guint count, const char *folder, char **ret_type,
               guint64 *ret_size, GError **error)
{
    g_autofree char *boundary = g_strdup_printf("%08x%08x%08x%08x", g_random_int(), g_random_int(),
                                                g_random_int(), g_random_int());
    g_autofree char *end = g_strdup_printf("--%s--\r\n", boundary);
    g_auto(Fd) fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    gboolean ok = fd >= 0;
    off_t size = 0;

    for (guint i = 0; ok && i < count; i++) {
        g_autofree char *name = quoted(files[i].name);
        g_autofree char *filename = quoted(files[i].filename);
        g_autofree char *header = g_strdup_printf(
            "--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\n"
            "Content-Type: application/octet-stream\r\n\r\n",
            boundary, name, filename);

        ok = file_write_all(fd, header, strlen(header)) && copy(files[i].fd, fd, files[i].size) &&
             file_write_all(fd, "\r\n", 2);
    }
    ok = ok && file_write_all(fd, end, strlen(end)) && (size = lseek(fd, 0, SEEK_CUR)) >= 0 &&
         lseek(fd, 0, SEEK_SET) == 0;
    if (!ok) {
        error_errno(error, errno, "put files together in %s", folder);
        return -1;
    }
    *ret_type = g_strdup_printf("multipart/form-data; boundary=%s", boundary);
    *ret_size = (guint64)size;
    return fd_steal(&fd);
}
