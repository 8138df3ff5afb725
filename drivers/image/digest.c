#include "image/digest.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "meter.h"

#define BLOCK (256u << 10)

struct Digest {
    struct sha256_ctx context;
};

Digest *digest_new(void)
{
    Digest *digest = g_new0(Digest, 1);

    sha256_init(&digest->context);
    return digest;
}

void digest_add(Digest *digest, const void *bytes, gsize length)
{
    sha256_update(&digest->context, length, bytes);
}

gboolean digest_add_file(Digest *digest, const char *path, int copy, guint64 *ret_size,
                         GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    g_autofree char *buffer = g_malloc(BLOCK);
    guint64 done = 0;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(error, errno, "open %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(error, ERR_INVALID, "%s is not a regular file", path);
    for (;;) {
        ssize_t n = read(fd, buffer, BLOCK);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(error, errno, "read %s", path);
        if (n == 0)
            return TRUE;
        digest_add(digest, buffer, (gsize)n);
        if (copy >= 0 && !file_write_all(copy, buffer, (gsize)n))
            return error_errno(error, errno, "copy %s", path);
        if (ret_size != NULL)
            *ret_size += (guint64)n;
        done += (guint64)n;
        meter_tell(done, (guint64)st.st_size);
    }
}

char *digest_finish(Digest *digest)
{
    guint8 bytes[SHA256_DIGEST_SIZE];
    GString *text = g_string_new(NULL);

    sha256_digest(&digest->context, sizeof bytes, bytes);
    for (guint i = 0; i < sizeof bytes; i++)
        g_string_append_printf(text, "%02x", bytes[i]);
    return g_string_free(text, FALSE);
}

void digest_free(Digest *digest)
{
    g_free(digest);
}
