/* The steps of an instance that live on disk. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "ensure.h"
#include "error.h"
#include "file.h"
#include "files.h"
#include "paths.h"
#include "storage/volume.h"

static char *name_of_volume(const json_t *volume)
{
    const char *path = json_member_string(volume, "path");

    return path != NULL ? g_path_get_basename(path) : NULL;
}

/* Logs move with their instance. */
static gboolean move_logs(Host *host, const Step *step, GError **error)
{
    g_autofree char *before = name_of_volume(step->from);
    g_autofree char *after = name_of_volume(step->to);
    g_autofree char *from = NULL;
    g_autofree char *to = NULL;

    if (before == NULL || after == NULL || g_str_equal(before, after))
        return TRUE;
    from = path_logs(host->dir, before);
    to = path_logs(host->dir, after);
    /* The rest is of runs under the old name. */
    return (!file_exists(from) || file_rename(from, to, error)) &&
           state_forget(host->dir, before, error);
}

/* Undoing the making of an instance leaves nothing of it; a deleted one keeps its logs until it is
 * purged. */
static gboolean forget_unmade(Host *host, const Step *step, GError **error)
{
    g_autofree char *name = step->to == NULL ? name_of_volume(step->from) : NULL;
    g_autofree char *parked = NULL;

    if (name == NULL)
        return TRUE;
    parked = path_parked(json_member_string(step->from, "path"), step->tx);
    return file_exists(parked) || state_forget(host->dir, name, error);
}

gboolean root_ensure(Host *host, const Step *step, GError **error)
{
    return volume_ensure(host, step, error) && move_logs(host, step, error) &&
           forget_unmade(host, step, error);
}

gboolean root_purge(Host *host, const Step *step, GError **error)
{
    g_autofree char *name = name_of_volume(step->from);

    return volume_purge(host, step, error) &&
           (step->to != NULL || name == NULL || state_forget(host->dir, name, error));
}

/* ---- STATE/containers/NAME ---- */

static char *read_link(const char *path)
{
    return g_file_read_link(path, NULL);
}

static gboolean remove_link(const char *path, const char *target, GError **error)
{
    g_autofree char *fresh = g_strconcat(path, ".new", NULL);
    g_autofree char *is = read_link(path);

    /* Of one that was killed before it got its name. */
    unlink(fresh);
    if (!file_exists(path))
        return TRUE;
    if (g_strcmp0(is, target) != 0)
        return error_set(error, ERR_EXISTS, "%s is not the link that berth made", path);
    return file_remove(path, error);
}

static gboolean make_link(const char *path, const char *target, const char *before, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *fresh = g_strconcat(path, ".new", NULL);
    g_autofree char *is = read_link(path);

    if (g_strcmp0(is, target) == 0)
        return TRUE;
    if (file_exists(path) && g_strcmp0(is, before) != 0)
        return error_set(error, ERR_EXISTS, "%s is there and was not made by berth", path);
    if (!state_make_folder(folder, 0711, error) || !file_remove(fresh, error))
        return FALSE;
    if (symlink(target, fresh) != 0 || rename(fresh, path) != 0)
        return error_errno(error, errno, "link %s", path);
    return TRUE;
}

gboolean link_file_ensure(Host *host, const Step *step, GError **error)
{
    const char *before = json_member_string(step->from, "target");
    const char *target = json_member_string(step->to, "target");
    const char *name = json_member_string(step->to != NULL ? step->to : step->from, "$name");
    g_autofree char *path = path_instance_link(host->dir, name);

    return target != NULL ? make_link(path, target, before, error)
                          : remove_link(path, before, error);
}

/* ---- STATE/run/NAME.start ---- */

gboolean start_ensure(Host *host, const Step *step, GError **error)
{
    const char *name = json_member_string(step->to != NULL ? step->to : step->from, "$name");
    g_autofree char *path = g_strdup_printf("%s/run/%s.start", host->dir, name);
    g_autofree char *facts = NULL;
    g_autofree char *text = NULL;

    if (step->to == NULL)
        return file_remove(path, error);
    facts = json_text(json_object_get(step->to, "$facts"));
    text = g_strconcat(json_member_string(step->to, "digest"), "\n", facts, "\n", NULL);
    return state_write(path, text, error);
}
