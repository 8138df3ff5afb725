#include "unpack/acl.h"

#include <archive.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/xattr.h>

#include "error.h"

#define NO_ID 0xffffffffu

static gint compare(gconstpointer a, gconstpointer b)
{
    const struct posix_acl_xattr_entry *left = a, *right = b;

    if (left->e_tag != right->e_tag)
        return GUINT16_FROM_LE(left->e_tag) < GUINT16_FROM_LE(right->e_tag) ? -1 : 1;
    if (left->e_id != right->e_id)
        return GUINT32_FROM_LE(left->e_id) < GUINT32_FROM_LE(right->e_id) ? -1 : 1;
    return 0;
}

static guint16 tag_of(int tag)
{
    switch (tag) {
    case ARCHIVE_ENTRY_ACL_USER_OBJ:
        return ACL_USER_OBJ;
    case ARCHIVE_ENTRY_ACL_USER:
        return ACL_USER;
    case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
        return ACL_GROUP_OBJ;
    case ARCHIVE_ENTRY_ACL_GROUP:
        return ACL_GROUP;
    case ARCHIVE_ENTRY_ACL_MASK:
        return ACL_MASK;
    default:
        return ACL_OTHER;
    }
}

static guint16 permissions_of(int permset)
{
    return (guint16)(((permset & ARCHIVE_ENTRY_ACL_READ) != 0 ? ACL_READ : 0) |
                     ((permset & ARCHIVE_ENTRY_ACL_WRITE) != 0 ? ACL_WRITE : 0) |
                     ((permset & ARCHIVE_ENTRY_ACL_EXECUTE) != 0 ? ACL_EXECUTE : 0));
}

static GByteArray *take_type(struct archive_entry *entry, int wanted)
{
    const struct posix_acl_xattr_header header = {GUINT32_TO_LE(POSIX_ACL_XATTR_VERSION)};
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(struct posix_acl_xattr_entry));
    GByteArray *value;
    int type, permset, tag, id;
    const char *name;

    if (archive_entry_acl_count(entry, wanted) == 0)
        return NULL;
    archive_entry_acl_reset(entry, wanted);
    while (archive_entry_acl_next(entry, wanted, &type, &permset, &tag, &id, &name) == ARCHIVE_OK) {
        gboolean named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
        const struct posix_acl_xattr_entry one = {GUINT16_TO_LE(tag_of(tag)),
                                                  GUINT16_TO_LE(permissions_of(permset)),
                                                  GUINT32_TO_LE(named ? (guint32)id : NO_ID)};

        g_array_append_val(entries, one);
    }
    g_array_sort(entries, compare);
    value = g_byte_array_new();
    g_byte_array_append(value, (const guint8 *)&header, sizeof(header));
    g_byte_array_append(value, (const guint8 *)entries->data,
                        entries->len * (guint)sizeof(struct posix_acl_xattr_entry));
    return value;
}

void acl_take(struct archive_entry *entry, Acl *ret)
{
    ret->access = take_type(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS);
    ret->standard = take_type(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT);
}

static gboolean apply(const GByteArray *value, const char *name, const char *path, GError **error)
{
    return value == NULL || lsetxattr(path, name, value->data, value->len, 0) == 0 ||
           error_errno(error, errno, "set the ACL");
}

gboolean acl_apply(const Acl *acl, const char *path, GError **error)
{
    return apply(acl->access, "system.posix_acl_access", path, error) &&
           apply(acl->standard, "system.posix_acl_default", path, error);
}

void acl_clear(Acl *acl)
{
    g_clear_pointer(&acl->access, g_byte_array_unref);
    g_clear_pointer(&acl->standard, g_byte_array_unref);
}
