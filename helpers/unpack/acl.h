/* ACLs of archive members. libarchive 3.6 hands entries to libacl in an order that the kernel
 * refuses, so the xattrs are made here. */
#pragma once

#include <archive_entry.h>
#include <glib.h>

/* ACL entries of one member, kept until it is written. */
typedef struct {
    GByteArray *access, *standard; /* xattr values; NULL: none */
} Acl;

void acl_take(struct archive_entry *entry, Acl *ret);
/* Sets them on the file that was written. `path` is relative to the current directory and not
 * followed. */
gboolean acl_apply(const Acl *acl, const char *path, GError **error);
void acl_clear(Acl *acl);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Acl, acl_clear)
