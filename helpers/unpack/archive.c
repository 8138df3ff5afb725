#include "unpack/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "error.h"
#include "storage/copy.h"

#define BLOCK_SIZE 65536u
#define METADATA_MAX (1u << 20)
#define NAME_SHOWN 120
#define ACL_XATTR "system.posix_acl_"

typedef struct archive Archive;
typedef struct archive_entry Entry;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Archive, archive_free)

static gboolean failed(Archive *archive, const char *what, GError **error)
{
    const char *text = archive_error_string(archive);

    return error_set(error, ERR_INVALID, "%s: %s", what, text != NULL ? text : "unknown error");
}

static Archive *open_archive(int fd, GError **error)
{
    g_autoptr(Archive) archive = archive_read_new();

    /* Libraries only: filters that would start programs are left out. */
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_lzma(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_format_tar(archive);
    if (archive_read_open_fd(archive, fd, BLOCK_SIZE) != ARCHIVE_OK) {
        error_set(error, ERR_INVALID,
                  "not a tarball that berth can read (plain, gzip, bzip2, xz, lzma, zstd): %s",
                  archive_error_string(archive));
        return NULL;
    }
    return g_steal_pointer(&archive);
}

/* A name as messages show it: short and printable. */
static char *shown(const char *name)
{
    g_autofree char *start = g_strndup(name, NAME_SHOWN);
    g_autofree char *escaped = g_strescape(start, NULL);

    return strlen(name) > NAME_SHOWN ? g_strconcat(escaped, "...", NULL)
                                     : g_steal_pointer(&escaped);
}

static gboolean over_budget(const Budget *budget, gboolean bytes, GError **error)
{
    return error_set(error, ERR_INVALID,
                     bytes ? "the image unpacks to more than the limit of %" G_GUINT64_FORMAT
                             " bytes"
                           : "the image has more than the limit of %" G_GUINT64_FORMAT " entries",
                     bytes ? budget->max_bytes : budget->max_entries);
}

/* Next member with its name without leading "./"; `ret_more` FALSE at the end. */
static gboolean next_entry(Archive *archive, Budget *budget, Entry **ret_entry,
                           const char **ret_name, gboolean *ret_more, GError **error)
{
    int code = archive_read_next_header(archive, ret_entry);
    const char *name;

    *ret_more = code != ARCHIVE_EOF;
    if (code == ARCHIVE_EOF)
        return TRUE;
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
        return failed(archive, "the archive is damaged", error);
    if (budget->entries == 0)
        return over_budget(budget, FALSE, error);
    budget->entries--;
    /* Also what is skipped was decompressed. */
    if ((guint64)archive_filter_bytes(archive, 0) > budget->max_bytes)
        return over_budget(budget, TRUE, error);
    name = archive_entry_pathname(*ret_entry);
    if (name == NULL || *name == '\0')
        return error_set(error, ERR_INVALID, "a member of the archive has no readable name");
    while (g_str_has_prefix(name, "./")) {
        name += 2;
        while (*name == '/')
            name++;
    }
    *ret_name = *name == '\0' ? "." : name;
    return TRUE;
}

static gboolean check_name(const char *name, const char *what, GError **error)
{
    g_auto(GStrv) parts = NULL;
    g_autofree char *text = shown(name);

    if (*name == '/')
        return error_set(error, ERR_INVALID, "%s %s is absolute", what, text);
    if (strlen(name) >= PATH_MAX)
        return error_set(error, ERR_INVALID, "%s %s is too long", what, text);
    parts = g_strsplit(name, "/", -1);
    if (g_strv_length(parts) > TREE_MAX_DEPTH)
        return error_set(error, ERR_INVALID, "%s %s is more than %u deep", what, text,
                         TREE_MAX_DEPTH);
    for (char **part = parts; *part != NULL; part++) {
        if (strcmp(*part, "..") == 0)
            return error_set(error, ERR_INVALID, "%s %s leads out of the image", what, text);
        if (strlen(*part) > NAME_MAX)
            return error_set(error, ERR_INVALID, "%s %s is too long", what, text);
    }
    return TRUE;
}

static gboolean is_below(const char *name, const char *folder)
{
    gsize length = strlen(folder);

    return strncmp(name, folder, length) == 0 && (name[length] == '\0' || name[length] == '/');
}

/* Where a member goes, newly allocated; NULL without error when it is no part of the image. */
static char *place_of(Part part, const char *name)
{
    if (part == PART_ROOTFS)
        return strcmp(name, ".") == 0 ? g_strdup("rootfs") : g_build_filename("rootfs", name, NULL);
    if (strcmp(name, "metadata.yaml") == 0 || is_below(name, "templates") ||
        (part == PART_UNIFIED && is_below(name, "rootfs")))
        return g_strdup(name);
    return NULL;
}

/* Metadata and templates are read by berth later: plain files and folders, never links. */
static gboolean check_type(const Entry *entry, const char *place, GError **error)
{
    mode_t type = archive_entry_filetype((Entry *)entry);
    g_autofree char *text = shown(place);

    if (is_below(place, "rootfs"))
        return strcmp(place, "rootfs") != 0 || type == AE_IFDIR ||
               error_set(error, ERR_INVALID, "rootfs is not a directory");
    if (archive_entry_hardlink((Entry *)entry) == NULL &&
        archive_entry_symlink((Entry *)entry) == NULL &&
        (type == AE_IFREG || (type == AE_IFDIR && strcmp(place, "metadata.yaml") != 0)))
        return TRUE;
    return error_set(error, ERR_INVALID, "%s is not a plain file", text);
}

/* xattrs that mean something on this host stay outside: labels, trusted.*, berth's own mark. */
static gboolean keep_xattr(const char *name)
{
    return strcmp(name, "security.capability") == 0 ||
           (g_str_has_prefix(name, "user.") && !g_str_has_prefix(name, "user.berth"));
}

static void bytes_clear(gpointer data)
{
    g_bytes_unref(data);
}

/* Leaves the entry the xattrs that are kept, and takes its raw ACLs out (name -> GBytes): GNU tar
 * writes an ACL as text with names and, when asked, as it is, with numbers; libarchive sets only
 * the former. */
static GHashTable *take_xattrs(Entry *entry)
{
    g_autoptr(GHashTable) kept =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, bytes_clear);
    GHashTable *acls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, bytes_clear);
    GHashTableIter iter;
    gpointer key, bytes;
    const char *name;
    const void *value;
    gsize size;

    if (archive_entry_xattr_reset(entry) == 0)
        return acls;
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        if (name != NULL && keep_xattr(name))
            g_hash_table_insert(kept, g_strdup(name), g_bytes_new(value, size));
        else if (name != NULL && g_str_has_prefix(name, ACL_XATTR))
            g_hash_table_insert(acls, g_strdup(name), g_bytes_new(value, size));
    }
    archive_entry_xattr_clear(entry);
    g_hash_table_iter_init(&iter, kept);
    while (g_hash_table_iter_next(&iter, &key, &bytes)) {
        const void *data = g_bytes_get_data(bytes, &size);

        archive_entry_xattr_add_entry(entry, key, data, size);
    }
    if (g_hash_table_size(acls) > 0)
        archive_entry_acl_clear(entry);
    return acls;
}

static gboolean set_acls(GHashTable *acls, const char *place, GError **error)
{
    GHashTableIter iter;
    gpointer name, bytes;

    g_hash_table_iter_init(&iter, acls);
    while (g_hash_table_iter_next(&iter, &name, &bytes)) {
        gsize size;
        const void *data = g_bytes_get_data(bytes, &size);

        /* The place was just written by libarchive, which follows no link on the way. */
        if (lsetxattr(place, name, data, size, 0) < 0)
            return error_errno(error, errno, "set its ACL");
    }
    return TRUE;
}

/* An ACL that gives names only means nothing here: which number a name has is up to the container.
 */
static gboolean check_acl(Entry *entry, GError **error)
{
    const int wanted = ARCHIVE_ENTRY_ACL_TYPE_ACCESS | ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;
    int type, permset, tag, id;
    const char *name;

    if (archive_entry_acl_reset(entry, wanted) == 0)
        return TRUE;
    while (archive_entry_acl_next(entry, wanted, &type, &permset, &tag, &id, &name) == ARCHIVE_OK) {
        if ((tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP) && id < 0)
            return error_set(error, ERR_INVALID,
                             "its ACL names \"%s\" without a number: pack the image with "
                             "tar --xattrs-include='*'",
                             name != NULL ? name : "");
    }
    return TRUE;
}

static gboolean retarget_link(Entry *entry, Part part, GError **error)
{
    const char *link = archive_entry_hardlink(entry);
    g_autofree char *place = NULL;

    if (link == NULL)
        return TRUE;
    while (g_str_has_prefix(link, "./"))
        link += 2;
    if (!check_name(link, "hard link to", error))
        return FALSE;
    place = place_of(part, link);
    if (place == NULL || !is_below(place, "rootfs")) {
        g_autofree char *text = shown(link);

        return error_set(error, ERR_INVALID, "hard link to %s leads out of rootfs", text);
    }
    archive_entry_set_hardlink(entry, place);
    return TRUE;
}

static gboolean copy_data(Archive *from, Archive *to, Budget *budget, GError **error)
{
    const void *data;
    gsize size;
    la_int64_t offset;

    for (;;) {
        int code = archive_read_data_block(from, &data, &size, &offset);

        if (code == ARCHIVE_EOF)
            return TRUE;
        if (code != ARCHIVE_OK)
            return failed(from, "the archive is damaged", error);
        if (size > budget->bytes)
            return over_budget(budget, TRUE, error);
        budget->bytes -= size;
        if (archive_write_data_block(to, data, size, offset) < ARCHIVE_OK)
            return failed(to, "write", error);
    }
}

static gboolean unpack_entry(Archive *from, Archive *to, Entry *entry, Part part, const char *name,
                             Budget *budget, GError **error)
{
    g_autofree char *place = NULL;
    g_autoptr(GHashTable) acls = NULL;
    mode_t type = archive_entry_filetype(entry);
    la_int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;

    if (!check_name(name, "member", error))
        return FALSE;
    place = place_of(part, name);
    if (place == NULL)
        return TRUE;
    if (!check_type(entry, place, error) || !retarget_link(entry, part, error))
        return FALSE;
    if (archive_entry_hardlink(entry) == NULL && (type == AE_IFCHR || type == AE_IFBLK)) {
        budget->skipped++;
        return TRUE;
    }
    /* The length that a file claims counts, holes and all: what it takes to copy or read it later.
     */
    if (size < 0 || (guint64)size > budget->bytes)
        return over_budget(budget, TRUE, error);
    archive_entry_set_pathname(entry, place);
    acls = take_xattrs(entry);
    if (!check_acl(entry, error))
        return FALSE;
    archive_entry_set_fflags(entry, 0, 0);
    if (archive_write_header(to, entry) != ARCHIVE_OK)
        return failed(to, "unpack", error);
    if (size > 0 && !copy_data(from, to, budget, error))
        return FALSE;
    if (archive_write_finish_entry(to) != ARCHIVE_OK)
        return failed(to, "unpack", error);
    return archive_entry_hardlink(entry) != NULL || set_acls(acls, place, error);
}

static gboolean unpack_named(Archive *from, Archive *to, Entry *entry, Part part, const char *name,
                             Budget *budget, GError **error)
{
    /* Before the entry gets its new name, which frees this one. */
    g_autofree char *own = g_strdup(name);
    g_autofree char *text = NULL;

    if (unpack_entry(from, to, entry, part, own, budget, error))
        return TRUE;
    text = shown(own);
    g_prefix_error(error, "%s: ", text);
    return FALSE;
}

gboolean archive_unpack(int fd, Part part, Budget *budget, GError **error)
{
    g_autoptr(Archive) from = open_archive(fd, error);
    g_autoptr(Archive) to = archive_write_disk_new();
    Entry *entry;
    const char *name;
    gboolean more;

    if (from == NULL)
        return FALSE;
    archive_write_disk_set_options(
        to, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
                ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
    for (;;) {
        if (!next_entry(from, budget, &entry, &name, &more, error))
            return FALSE;
        if (!more)
            break;
        if (!unpack_named(from, to, entry, part, name, budget, error))
            return FALSE;
    }
    return archive_write_close(to) == ARCHIVE_OK || failed(to, "unpack", error);
}

static char *read_text(Archive *archive, Entry *entry, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[BLOCK_SIZE];
    ssize_t n;

    if (archive_entry_filetype(entry) != AE_IFREG) {
        error_set(error, ERR_INVALID, "metadata.yaml is not a plain file");
        return NULL;
    }
    while ((n = archive_read_data(archive, buffer, sizeof(buffer))) > 0) {
        g_string_append_len(text, buffer, n);
        if (text->len > METADATA_MAX) {
            error_set(error, ERR_INVALID, "metadata.yaml is larger than %u bytes", METADATA_MAX);
            return NULL;
        }
    }
    if (n < 0) {
        failed(archive, "the archive is damaged", error);
        return NULL;
    }
    if (!g_utf8_validate(text->str, (gssize)text->len, NULL)) {
        error_set(error, ERR_INVALID, "metadata.yaml is not UTF-8 text");
        return NULL;
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

json_t *archive_inspect(int fd, Budget *budget, GError **error)
{
    g_autoptr(Archive) archive = open_archive(fd, error);
    g_autofree char *metadata = NULL;
    const char *type = "";
    Entry *entry;
    const char *name;
    gboolean more;

    if (archive == NULL)
        return NULL;
    while (metadata == NULL || *type == '\0') {
        if (!next_entry(archive, budget, &entry, &name, &more, error))
            return NULL;
        if (!more)
            break;
        if (strcmp(name, "metadata.yaml") == 0 && metadata == NULL) {
            metadata = read_text(archive, entry, error);
            if (metadata == NULL)
                return NULL;
        } else if (strcmp(name, "rootfs.img") == 0) {
            type = "virtual-machine";
        } else if (is_below(name, "rootfs")) {
            type = "container";
        }
    }
    if (metadata == NULL) {
        error_set(error, ERR_INVALID, "there is no metadata.yaml in it");
        return NULL;
    }
    return json_pack("{s:s, s:s}", "metadata", metadata, "type", type);
}
