#include "image/offer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"

struct ImageOffer {
    char *fingerprint;
    int file, rootfs;
};

static GMutex lock;
static GPtrArray *offers; /* of ImageOffer *, borrowed */

ImageOffer *image_offer_begin(const char *fingerprint, int file, int rootfs)
{
    ImageOffer *offer = g_new(ImageOffer, 1);
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&lock);

    *offer = (ImageOffer){g_strdup(fingerprint), file, rootfs};
    if (offers == NULL)
        offers = g_ptr_array_new();
    g_ptr_array_add(offers, offer);
    return offer;
}

void image_offer_end(ImageOffer *offer)
{
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&lock);

    if (offer == NULL)
        return;
    g_ptr_array_remove(offers, offer);
    if (offers->len == 0)
        g_clear_pointer(&offers, g_ptr_array_unref);
    g_free(offer->fingerprint);
    g_free(offer);
}

static gboolean copy(int from, const char *path, GError **error)
{
    g_auto(Fd) to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    loff_t at = 0;
    ssize_t n = 1;

    while (to >= 0 && n > 0)
        n = copy_file_range(from, &at, to, NULL, 1u << 30, 0);
    return (to >= 0 && n == 0) || error_errno(error, errno, "write %s", path);
}

static gboolean put(int fd, const char *path, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);

    if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
        return TRUE;
    if (errno != EXDEV && errno != ENOENT)
        return error_errno(error, errno, "create %s", path);
    return copy(fd, path, error);
}

static const ImageOffer *find(const char *fingerprint)
{
    for (guint i = 0; offers != NULL && i < offers->len; i++) {
        const ImageOffer *offer = offers->pdata[i];

        if (strcmp(offer->fingerprint, fingerprint) == 0)
            return offer;
    }
    return NULL;
}

gboolean image_offer_take(const char *fingerprint, const char *path, const char *companion,
                          GError **error)
{
    /* Held throughout: whoever offers it must not close the files meanwhile. */
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&lock);
    const ImageOffer *offer = find(fingerprint);

    if (offer == NULL)
        return error_set(error, ERR_NOT_FOUND,
                         "the files of image %.12s are gone from the store: import it again",
                         fingerprint);
    return put(offer->file, path, error) &&
           (offer->rootfs < 0 || put(offer->rootfs, companion, error));
}
