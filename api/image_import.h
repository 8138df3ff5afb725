/* How an image gets into the store over the API, wherever its files come from: looked at in the
 * sandbox, hashed, then one transaction (IMG-040..047). */
#pragma once

#include "daemon.h"

typedef struct {
    Daemon *daemon;
    const Caller *caller;
    const char *project;  /* that has the image */
    const char *cause;    /* for history */
    int file;             /* whole image, or its metadata; on the file system of the store or not */
    int rootfs;           /* of a split image; -1: none */
    gboolean split;       /* the image has its root in a file of its own */
    const char *expected; /* fingerprint that it must have; NULL: any */
    const char *filename; /* IMG-008; NULL: none */
    const json_t *update; /* update_source (IMG-016); NULL: none */
    const json_t *wanted; /* as the API writes an image: "public", "auto_update", "expires_at",
                             "profiles", "properties", "aliases": [{"name", "description"}] */
    const char *replaces; /* fingerprint of the image that goes for it, and whose aliases it gets;
                             NULL: none (IMG-091) */
    volatile gint *cancel; /* may be NULL */
} ImageImport;

/* What taking it in would do, for a dry run. `known` is what is known of it without its files (they
 * are -1): {"fingerprint", "properties"}; NULL: it is found out from them. */
Plan *image_import_plan(const ImageImport *import, const json_t *known, GError **error);

/* Takes it in. `ret` gets {"fingerprint", "size": bytes}. The errors are LXD's. Nothing is left
 * when it fails. */
gboolean image_import(const ImageImport *import, json_t **ret, GError **error);

/* What the API writes of an image, put into a spec; members that are not in `body` stay. Zero times
 * mean none. */
gboolean image_set_spec(json_t *spec, const json_t *body, GError **error);
