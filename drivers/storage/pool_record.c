#include "storage/pool_record.h"

#include <string.h>

#include "error.h"
#include "file.h"
#include "json.h"
#include "storage/place.h"
#include "storage/pool_mount.h"
#include "storage/pool_source.h"

#define RECORD_MAX 65536u

char *pool_of_volume(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);

    return g_path_get_dirname(folder);
}

static char *record_path(const char *dir, const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *kind = g_path_get_basename(folder);
    g_autofree char *target = g_path_get_dirname(folder);
    g_autofree char *pool = g_path_get_basename(target);
    g_autofree char *records = pool_file(dir, pool, ".volumes");

    return g_build_filename(records, kind, name, NULL);
}

json_t *pool_record_read(const char *dir, const char *path)
{
    g_autofree char *file = record_path(dir, path);
    g_autofree char *text = NULL;

    return file_read(file, RECORD_MAX, &text, NULL, NULL) ? json_loads(text, 0, NULL) : NULL;
}

/* Making a record's folder and removing it with its last record must not meet. */
static GMutex record_lock;

static gboolean write_record(const char *file, const json_t *record, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(file);
    g_autofree char *text = json_text(record);
    g_autoptr(GError) failure = NULL;

    if (!place_make_folder(folder, 0700, error))
        return FALSE;
    if (!g_file_set_contents_full(file, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, &failure))
        return error_set(error, ERR_FAILED, "%s", failure->message);
    return TRUE;
}

gboolean pool_record_write(const char *dir, const char *path, const char *row, json_t *fact,
                           GError **error)
{
    g_autofree char *target = pool_of_volume(path);
    g_autofree char *file = NULL;
    g_autoptr(json_t) record = NULL;
    gboolean written;

    if (!pool_is_mounted(target))
        return TRUE; /* a pool in its place needs no memory of itself */
    file = record_path(dir, path);
    record = pool_record_read(dir, path);
    if (record == NULL)
        record = json_object();
    if (json_equal(json_object_get(record, row), fact))
        return TRUE;
    if (fact != NULL)
        json_object_set(record, row, fact);
    else if (json_object_del(record, row) < 0)
        return TRUE;
    g_mutex_lock(&record_lock);
    written = write_record(file, record, error);
    g_mutex_unlock(&record_lock);
    return written;
}

void pool_record_remove(const char *dir, const char *path)
{
    g_autofree char *file = record_path(dir, path);
    g_autofree char *folder = g_path_get_dirname(file);
    g_autofree char *records = g_path_get_dirname(folder);

    g_mutex_lock(&record_lock);
    /* Pools in their place have none; folders with other records stay. */
    if (unlink(file) == 0 && rmdir(folder) == 0 && rmdir(records) == 0)
        place_tidy(dir, "disks");
    g_mutex_unlock(&record_lock);
}

gboolean pool_forget(const char *dir, const char *pool, GError **error)
{
    g_autofree char *file = pool_file(dir, pool, ".pool");
    g_autofree char *records = pool_file(dir, pool, ".volumes");

    if (!file_remove(file, error) || !file_remove_tree(records, error))
        return FALSE;
    place_tidy(dir, "disks");
    return TRUE;
}
