#include "storage/place.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "file.h"
#include "paths.h"
#include "storage/btrfs.h"

gboolean place_remove(const char *path, GError **error)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT || error_errno(error, errno, "look at %s", path);
    if (S_ISDIR(st.st_mode) && btrfs_has(path)) {
        if (btrfs_is_subvolume(path))
            return btrfs_subvolume_remove(path, error);
        if (!btrfs_remove_below(path, error))
            return FALSE;
    }
    return file_remove_tree(path, error);
}

gboolean place_discard(const char *path, const char *tx, GError **error)
{
    g_autofree char *staged = path_staged(path, tx);

    if (file_exists(path)) {
        if (!place_remove(staged, error) || !file_rename(path, staged, error))
            return FALSE;
    }
    return place_remove(staged, error);
}

gboolean place_is_empty(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    gboolean empty = dir != NULL;

    while (empty && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;

        empty = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
                strcmp(name, "lost+found") == 0 || g_str_has_prefix(name, ".parked-") ||
                g_str_has_prefix(name, ".new-");
    }
    if (dir != NULL)
        closedir(dir);
    return empty;
}

gboolean place_make_folder(const char *path, guint mode, GError **error)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return TRUE;
    return file_make_directory(path, mode, error);
}

void place_tidy(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    /* Not empty is the usual answer. */
    if (rmdir(path) < 0)
        return;
}
