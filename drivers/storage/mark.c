#include "storage/mark.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "error.h"
#include "file.h"

#define MARK_MAX 65536u

static char *mark_file(const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return g_build_filename(path, MARK_FILE, NULL);
    return g_strconcat(path, MARK_FILE, NULL);
}

static json_t *parse(const char *path, const char *text, gsize length, GError **error)
{
    json_t *mark = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(mark)) {
        json_decref(mark);
        error_set(error, ERR_EXISTS, "%s carries a mark that is not berth's", path);
        return NULL;
    }
    return mark;
}

json_t *mark_read(const char *path, GError **error)
{
    g_autofree char *file = NULL;
    g_autofree char *text = NULL;
    g_autofree char *large = NULL;
    g_autoptr(GError) failure = NULL;
    char small[512];
    ssize_t size = lgetxattr(path, MARK_XATTR, small, sizeof(small));
    gsize length;

    if (size >= 0)
        return parse(path, small, (gsize)size, error);
    if (errno == ERANGE) {
        large = g_malloc(MARK_MAX);
        size = lgetxattr(path, MARK_XATTR, large, MARK_MAX);
        if (size >= 0)
            return parse(path, large, (gsize)size, error);
    }
    /* ENODATA is 'none'; a file may still be there from a time when the tree was on another file
     * system. */
    if (errno == ENOENT || errno == ENOTDIR)
        return NULL;
    if (errno != ENODATA && errno != ENOTSUP && errno != EPERM) {
        error_errno(error, errno, "read the mark of %s", path);
        return NULL;
    }
    file = mark_file(path);
    if (file_read(file, MARK_MAX, &text, &length, &failure))
        return parse(path, text, length, error);
    if (!g_error_matches(failure, BERTH_ERROR, ERR_NOT_FOUND))
        g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

gboolean mark_write(const char *path, const json_t *mark, GError **error)
{
    g_autofree char *text = json_text(mark);
    g_autofree char *file = NULL;

    if (lsetxattr(path, MARK_XATTR, text, strlen(text), 0) == 0)
        return TRUE;
    if (errno != ENOTSUP && errno != EPERM && errno != ENOSPC && errno != E2BIG)
        return error_errno(error, errno, "mark %s", path);
    file = mark_file(path);
    return file_write(file, text, -1, 0600, NULL, error);
}

gboolean mark_remove(const char *path, GError **error)
{
    g_autofree char *file = NULL;

    if (lremovexattr(path, MARK_XATTR) < 0 && errno != ENODATA && errno != ENOTSUP &&
        errno != ENOENT)
        return error_errno(error, errno, "take the mark off %s", path);
    file = mark_file(path);
    return file_remove(file, error);
}
