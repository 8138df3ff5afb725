/* What an image server has: the image that a source asks for, before anything is fetched of it. */
#pragma once

#include "daemon.h"
#include "fetch.h"

typedef struct {
    char *fingerprint;
    char *filename;     /* NULL: unknown */
    char *paths[2];     /* below the server: whole image or metadata, root; NULL: none */
    json_t *properties; /* NULL: those of its metadata */
} ImageFound;

void image_found_clear(ImageFound *found);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImageFound, image_found_clear)

/* Finds `source` ({"alias" or "fingerprint", "secret", "project", "image_type"}) on a server of
 * LXD's protocol. */
gboolean image_source_lxd(const FetchServer *server, const json_t *source, ImageFound *ret,
                          GError **error);

/* The same on a server of simplestreams (IMG-038, IMG-039). `architectures` are the host's, its own
 * first. */
gboolean image_source_streams(const FetchServer *server, const json_t *source,
                              const json_t *architectures, ImageFound *ret, GError **error);
