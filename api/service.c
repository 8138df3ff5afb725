#include "service.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "file.h"

#define FIRST_SOCKET 3 /* sd_listen_fds(3) */
#define SOCKETS_MAX 64

GArray *service_sockets(void)
{
    const char *pid = g_getenv("LISTEN_PID");
    const char *count = g_getenv("LISTEN_FDS");
    GArray *sockets = g_array_new(FALSE, FALSE, sizeof(int));
    guint64 owner, number;

    if (pid != NULL && count != NULL &&
        g_ascii_string_to_unsigned(pid, 10, 1, G_MAXINT32, &owner, NULL) &&
        owner == (guint64)getpid() &&
        g_ascii_string_to_unsigned(count, 10, 0, SOCKETS_MAX, &number, NULL)) {
        for (int fd = FIRST_SOCKET; fd < FIRST_SOCKET + (int)number; fd++) {
            fcntl(fd, F_SETFD, FD_CLOEXEC);
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
            g_array_append_val(sockets, fd);
        }
    }
    g_unsetenv("LISTEN_PID");
    g_unsetenv("LISTEN_FDS");
    g_unsetenv("LISTEN_FDNAMES");
    return sockets;
}

gboolean service_is_unix_socket(int fd)
{
    int domain = 0;
    socklen_t length = sizeof domain;

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

/* sd_notify(3): one datagram; a path that begins with '@' is of the abstract name space. */
void service_notify(const char *state)
{
    const char *path = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_auto(Fd) fd = -1;
    socklen_t length;

    if (path == NULL || *path == '\0' || strlen(path) >= sizeof address.sun_path)
        return;
    strcpy(address.sun_path, path);
    if (*path == '@')
        address.sun_path[0] = '\0';
    length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, length) < 0)
        g_warning("the service manager at %s cannot be told %s: %s", path, state,
                  g_strerror(errno));
}
