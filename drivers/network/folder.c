#include "folder.h"

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

static gboolean make_folder(const char *dir, const char *network, const char *tx, GError **error)
{
    g_autofree char *path = path_network(dir, network);
    g_autofree char *parked = path_parked(path, tx);
    g_autofree char *hosts = server_file(dir, network, "hosts");

    if (!file_exists(path) && file_exists(parked) && !file_rename(parked, path, error))
        return FALSE;
    return file_make_directory(path, FOLDER_MODE, error) &&
           file_make_directory(hosts, HOSTS_MODE, error);
}

gboolean folder_ensure(Host *host, const Step *step, GError **error)
{
    const char *network = server_network_of(step->key);
    g_autofree char *path = path_network(host->dir, network);
    g_autofree char *log = server_log(host->dir, network);

    if (step->to != NULL && step->from_key != NULL) {
        g_autofree char *old = path_network(host->dir, server_network_of(step->from_key));

        if (file_exists(old) && !file_rename(old, path, error))
            return FALSE;
    }
    if (step->to != NULL)
        return make_folder(host->dir, network, step->tx, error);
    /* A server that died left these. */
    server_cgroup_remove(host->dir, network);
    if (!file_remove(log, error))
        return FALSE;
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

    return file_remove_tree(parked, error);
}
