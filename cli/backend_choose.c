#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend_daemon.h"
#include "error.h"
#include "remotes.h"

/* 0 when somebody listens, else errno. */
static int knock(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result;

    if (fd < 0 || strlen(path) >= sizeof address.sun_path)
        result = ENOENT; /* nobody can listen on a longer path */
    else {
        g_strlcpy(address.sun_path, path, sizeof address.sun_path);
        result = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    }
    if (fd >= 0)
        close(fd);
    return result;
}

/* The server of that name, by HTTPS. */
static Client *remote_client(const char *name, GError **error)
{
    g_autoptr(json_t) remotes = remotes_read(error);
    g_autofree char *member = json_path_part(name);
    g_autofree char *at = g_strdup_printf("remotes/%s/addr", member);
    const char *address = json_string_at(remotes, at);

    if (remotes == NULL)
        return NULL;
    if (address == NULL) {
        error_set(error, ERR_NOT_FOUND, "there is no remote '%s'; 'berth remote list' shows them",
                  name);
        return NULL;
    }
    return remotes_client(name, address, NULL, error);
}

Client *backend_client(const char *remote, const char *dir, GError **error)
{
    g_autofree char *url = g_strdup_printf("unix:%s/unix.socket", dir);
    const ClientServer server = {.url = url};

    return remote != NULL && strcmp(remote, "local") != 0 ? remote_client(remote, error)
                                                          : client_new(&server, error);
}

Backend *backend_choose(const char *remote, const char *dir, gboolean local, BackendFlags flags,
                        GError **error)
{
    g_autofree char *path = g_build_filename(dir, "unix.socket", NULL);
    int listens = local ? ENOENT : knock(path);
    gboolean named = remote != NULL && strcmp(remote, "local") == 0;
    Client *client;

    if (remote != NULL && !named) {
        client = remote_client(remote, error);
        return client != NULL ? backend_daemon(client, FALSE) : NULL;
    }
    if (named && listens != 0 && listens != EACCES && listens != EPERM) {
        error_set(error, ERR_UNAVAILABLE, "%s: no daemon listens there", path);
        return NULL;
    }
    if (listens == EACCES || listens == EPERM) {
        error_set(error, ERR_PERMISSION,
                  "%s may not be opened: only root and the group that berthd was started with may "
                  "do that",
                  path);
        return NULL;
    }
    if (listens != 0)
        return backend_engine(dir, flags, error);
    client = backend_client(NULL, dir, error);
    return client != NULL ? backend_daemon(client, TRUE) : NULL;
}
