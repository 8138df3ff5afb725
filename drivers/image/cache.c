#include "image/cache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "paths.h"
#include "storage/place.h"

#define FOLDER "cache/images"
#define ROOTFS_SUFFIX ".rootfs"
#define KEPT_SECONDS (24 * 3600)

char *image_cache_path(const char *dir, const char *fingerprint)
{
    return g_build_filename(dir, FOLDER, fingerprint, NULL);
}

gboolean image_cache_has(const char *dir, const char *fingerprint)
{
    g_autofree char *path = image_cache_path(dir, fingerprint);

    return file_exists(path);
}

static gboolean put(int fd, const char *path, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);

    return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST ||
           error_errno(error, errno, "create %s", path);
}

gboolean image_cache_put(const char *dir, const char *fingerprint, int file, int rootfs,
                         GError **error)
{
    g_autofree char *folder = g_build_filename(dir, FOLDER, NULL);
    g_autofree char *path = image_cache_path(dir, fingerprint);
    g_autofree char *companion = g_strconcat(path, ROOTFS_SUFFIX, NULL);

    /* The one without suffix comes last: it says that all is there. */
    return place_make_folder(folder, 0700, error) &&
           (rootfs < 0 || put(rootfs, companion, error)) && put(file, path, error);
}

void image_cache_drop(const char *dir, const char *fingerprint)
{
    g_autofree char *path = image_cache_path(dir, fingerprint);
    g_autofree char *companion = g_strconcat(path, ROOTFS_SUFFIX, NULL);

    file_remove(path, NULL);
    file_remove(companion, NULL);
}

static gboolean is_due(const char *dir, const char *path, const char *fingerprint)
{
    g_autofree char *stored = path_image_files(dir, fingerprint);
    struct stat st;

    return file_exists(stored) ||
           (lstat(path, &st) == 0 && st.st_mtime + KEPT_SECONDS < g_get_real_time() / 1000000);
}

void image_cache_tidy(const char *dir)
{
    g_autofree char *folder = g_build_filename(dir, FOLDER, NULL);
    g_autoptr(GDir) entries = g_dir_open(folder, 0, NULL);
    const char *name;

    if (entries == NULL)
        return;
    while ((name = g_dir_read_name(entries)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autofree char *fingerprint = g_str_has_suffix(name, ROOTFS_SUFFIX)
                                           ? g_strndup(name, strlen(name) - strlen(ROOTFS_SUFFIX))
                                           : g_strdup(name);

        if (is_due(dir, path, fingerprint))
            image_cache_drop(dir, fingerprint);
    }
    place_tidy(dir, FOLDER);
    place_tidy(dir, "cache");
}
