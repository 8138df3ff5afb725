/* Reading image tarballs with libarchive, inside the sandbox. */
#pragma once

#include "json.h"

/* What limits one unpacking; counted over all its archives. */
typedef struct {
    guint64 bytes, entries; /* left */
    guint64 max_bytes, max_entries;
    guint skipped; /* device nodes, which are left out (IMG-067) */
} Budget;

/* Which part of an image an archive holds: where its members go. */
typedef enum {
    PART_UNIFIED,  /* metadata.yaml, templates/, rootfs/ (IMG-060) */
    PART_METADATA, /* metadata.yaml, templates/ (IMG-061) */
    PART_ROOTFS,   /* the top is the root itself (IMG-065) */
} Part;

/* Reads metadata.yaml and the sort of root out of an archive: {"metadata": TEXT, "type":
 * "container"|"virtual-machine"|""}. */
json_t *archive_inspect(int fd, Budget *budget, GError **error);

/* Unpacks an archive into the current directory. */
gboolean archive_unpack(int fd, Part part, Budget *budget, GError **error);
