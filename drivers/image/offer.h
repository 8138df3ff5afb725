/* Files of images that this process holds open, for a step to take into the store: uploads and
 * downloads that have no name yet, so that nothing of them is left when the process ends. */
#pragma once

#include <glib.h>

/* Offers the content of a fingerprint until image_offer_end: what `file` (and `rootfs` of a split
 * image, else -1) hold. The descriptors stay the caller's. Content may be offered several times. */
typedef struct ImageOffer ImageOffer;
ImageOffer *image_offer_begin(const char *fingerprint, int file, int rootfs);
void image_offer_end(ImageOffer *offer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImageOffer, image_offer_end)

/* Puts offered content at `path`, and its root at `companion`; neither may be there. A file on the
 * same file system is linked, another is copied. ERR_NOT_FOUND when nobody offers it. */
gboolean image_offer_take(const char *fingerprint, const char *path, const char *companion,
                          GError **error);
