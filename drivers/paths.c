#include "paths.h"

char *path_pool(const char *dir, const char *pool)
{
    return g_build_filename(dir, "storage-pools", pool, NULL);
}

char *path_image_volume(const char *dir, const char *pool, const char *fingerprint)
{
    return g_build_filename(dir, "storage-pools", pool, "images", fingerprint, NULL);
}

char *path_instance_volume(const char *dir, const char *pool, const char *disk_name)
{
    return g_build_filename(dir, "storage-pools", pool, "containers", disk_name, NULL);
}

char *path_instance_link(const char *dir, const char *disk_name)
{
    return g_build_filename(dir, "containers", disk_name, NULL);
}

char *path_image_files(const char *dir, const char *fingerprint)
{
    return g_build_filename(dir, "images", fingerprint, NULL);
}

char *path_network(const char *dir, const char *network)
{
    return g_build_filename(dir, "networks", network, NULL);
}

char *path_devices(const char *dir, const char *disk_name)
{
    return g_build_filename(dir, "devices", disk_name, NULL);
}

char *path_logs(const char *dir, const char *disk_name)
{
    return g_build_filename(dir, "logs", disk_name, NULL);
}

static char *path_beside(const char *path, const char *prefix, const char *tx)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);

    return g_strdup_printf("%s/.%s-%s-%s", folder, prefix, tx, name);
}

char *path_parked(const char *path, const char *tx)
{
    return path_beside(path, "parked", tx);
}

char *path_staged(const char *path, const char *tx)
{
    return path_beside(path, "new", tx);
}
