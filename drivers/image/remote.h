/* Images on other servers (IMG-035..045): which one a source means, and its files. `source` is an
 * object as in the API:
 *   {"type": "image", "server", "protocol": "lxd" or "simplestreams", "alias" or "fingerprint",
 *    "certificate", "secret", "project", "image_type"}, or {"type": "url", "url"}
 * Blocking; any thread. */
#pragma once

#include "driver.h"
#include "image/fetch.h"

/* An image of a server, before anything is fetched of it. */
typedef struct {
    char *fingerprint;
    /* NULL or 0: unknown before the files are here. */
    char *filename, *architecture, *created_at;
    guint64 size;
    char *url;         /* of the server */
    char *certificate; /* by which it is known; NULL: a well-known authority vouches for it */
    gboolean redirects;
    char *paths[2];     /* below `url`: whole image or metadata, root; NULL: none */
    json_t *properties; /* NULL: those of its metadata */
} ImageFound;

void image_found_clear(ImageFound *found);
void image_found_copy(const ImageFound *found, ImageFound *ret);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImageFound, image_found_clear)

/* Whether `source` says all that is needed to ask. `local` allows servers on a socket of this host
 * ("unix:/PATH"). */
gboolean image_remote_check(const json_t *source, gboolean local, GError **error);

/* Asks the server. `architectures` are the host's, its own first. ERR_NOT_FOUND when it has none.
 */
gboolean image_remote_find(const json_t *source, const json_t *architectures, ImageFound *ret,
                           GError **error);

/* What is remembered of a source, so that a newer image can be asked for (IMG-016): NULL unless it
 * was chosen by alias. New reference. */
json_t *image_remote_update(const json_t *source);

/* Fetches the files of what was found, in the parts "metadata" and "rootfs": unlinked ones in
 * `dir`; -1 for a root that is not there. Nothing is checked yet (source.h). */
gboolean image_remote_fetch(const char *dir, const ImageFound *found, const FetchReport *report,
                            int *ret_file, int *ret_rootfs, GError **error);

/* The protocols, for remote.c. */
gboolean image_remote_find_lxd(const FetchServer *server, const json_t *source, ImageFound *ret,
                               GError **error);
gboolean image_remote_find_streams(const FetchServer *server, const json_t *source,
                                   const json_t *architectures, ImageFound *ret, GError **error);
