#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "paths.h"
#include "server.h"
#include "server_arguments.h"
#include "server_cgroup.h"

/* The server reads its host files after it gave up root. */
#define FOLDER_MODE 0711
#define HOSTS_MODE 0755

gboolean folder_exists(const char *dir, const char *network)
{
    g_autofree char *path = path_network(dir, network);
    g_autofree char *hosts = server_file(dir, network, "hosts");

    return file_exists(path) && file_exists(hosts);
}

/* Held while `networks` gets its first entry, and while it goes because it is empty. */
static GMutex parent;

static gboolean make_locked(const char *dir, const char *network, const char *tx, GError **error)
{
    g_autofree char *path = path_network(dir, network);
    g_autofree char *parked = path_parked(path, tx);
    g_autofree char *hosts = server_file(dir, network, "hosts");

    if (!file_exists(path) && file_exists(parked) && !file_rename(parked, path, error))
        return FALSE;
    return file_make_directory(path, FOLDER_MODE, error) &&
           file_make_directory(hosts, HOSTS_MODE, error);
}

static gboolean make_folder(const char *dir, const char *network, const char *tx, GError **error)
{
    gboolean made;

    g_mutex_lock(&parent);
    made = make_locked(dir, network, tx, error);
    g_mutex_unlock(&parent);
    return made;
}

gboolean folder_ensure(Host *host, const Step *step, GError **error)
{
    const char *network = server_network_of(step->key);
    g_autofree char *path = path_network(host->dir, network);

    if (step->to != NULL && step->from_key != NULL) {
        g_autofree char *old = path_network(host->dir, server_network_of(step->from_key));

        if (file_exists(old) && !file_rename(old, path, error))
            return FALSE;
    }
    if (step->to != NULL)
        return make_folder(host->dir, network, step->tx, error);
    server_cgroup_remove(host->dir, network); /* of a server that died */
    if (file_exists(path)) {
        g_autofree char *parked = path_parked(path, step->tx);

        return file_rename(path, parked, error);
    }
    return TRUE;
}

gboolean folder_purge(Host *host, const Step *step, GError **error)
{
    g_autofree char *path = path_network(host->dir, server_network_of(step->key));
    g_autofree char *parked = path_parked(path, step->tx);
    g_autofree char *networks = g_path_get_dirname(path);
    gboolean gone = file_remove_tree(parked, error);

    g_mutex_lock(&parent);
    rmdir(networks); /* unless there are others */
    g_mutex_unlock(&parent);
    return gone;
}

/* ".NAME.new": a name that dnsmasq does not read. */
static char *fresh_name(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);

    return g_strdup_printf("%s/.%s.new", folder, name);
}

static gboolean write_fresh(const char *path, const char *text, GError **error)
{
    g_auto(Fd) fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

    if (fd < 0 || fchmod(fd, 0644) < 0)
        return error_errno(error, errno, "create %s", path);
    return file_write_all(fd, text, strlen(text)) || error_errno(error, errno, "write %s", path);
}

gboolean folder_write(const char *path, const char *text, gboolean *ret_changed, GError **error)
{
    g_autofree char *fresh = fresh_name(path);
    g_autofree char *present = NULL;

    if (file_read(path, strlen(text), &present, NULL, NULL) && strcmp(present, text) == 0)
        return TRUE;
    if (!write_fresh(fresh, text, error))
        return FALSE;
    if (rename(fresh, path) < 0)
        return error_errno(error, errno, "rename %s", fresh);
    if (ret_changed != NULL)
        *ret_changed = TRUE;
    return TRUE;
}

gboolean folder_remove(const char *path, gboolean *ret_changed, GError **error)
{
    g_autofree char *fresh = fresh_name(path);

    *ret_changed = *ret_changed || file_exists(path);
    return file_remove(fresh, error) && file_remove(path, error);
}
