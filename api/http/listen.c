#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "error.h"
#include "file.h"
#include "process.h"

#define BACKLOG 1024
#define TRY_US (100 * 1000) /* between two tries (SV-28) */

static gboolean unix_address(const char *path, struct sockaddr_un *ret, GError **error)
{
    memset(ret, 0, sizeof *ret);
    ret->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof ret->sun_path)
        return error_set(error, ERR_INVALID, "%s: the path of a unix socket has at most %zu bytes",
                         path, sizeof ret->sun_path - 1);
    strcpy(ret->sun_path, path);
    return TRUE;
}

/* Whether the process at the other end, which is who listened, is there. */
static gboolean peer_lives(int fd)
{
    struct ucred peer = {0};
    socklen_t length = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || peer.pid <= 0)
        return TRUE; /* of another PID namespace */
    return process_started(peer.pid, NULL) != 0;
}

/* A socket file outlives its server; one that nobody accepts on is stale. That of a server that was
 * killed while it started a program takes connections until the program is loaded: nobody answers
 * there either. */
static gboolean is_answered(const struct sockaddr_un *address)
{
    g_auto(Fd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        return errno == EAGAIN;
    return peer_lives(fd);
}

/* Bound under another name and renamed once its owner and mode are right, so that there is no
 * moment of wrong rights and none without a socket. */
int listen_unix(const char *path, gid_t gid, GError **error)
{
    g_autofree char *fresh = g_strconcat(path, ".new", NULL);
    g_auto(Fd) fd = -1;
    struct sockaddr_un address;
    struct stat info;

    if (!unix_address(path, &address, error))
        return -1;
    if (lstat(path, &info) == 0 && !S_ISSOCK(info.st_mode)) {
        error_set(error, ERR_EXISTS, "%s is there and is no socket: move it away", path);
        return -1;
    }
    if (is_answered(&address)) {
        error_set(error, ERR_BUSY, "%s: another server answers on it: stop that one first", path);
        return -1;
    }
    if (!unix_address(fresh, &address, error))
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(fresh);
    /* fchmod of an unbound socket is what bind(2) gives the file. */
    if (fd < 0 || fchmod(fd, 0600) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        (gid != (gid_t)-1 && lchown(fresh, (uid_t)-1, gid) < 0) || chmod(fresh, 0660) < 0 ||
        listen(fd, BACKLOG) < 0 || rename(fresh, path) < 0) {
        error_errno(error, errno, "listen on %s", path);
        unlink(fresh);
        return -1;
    }
    return fd_steal(&fd);
}

gboolean listen_split(const char *address, guint default_port, char **ret_host, char **ret_port,
                      GError **error)
{
    const char *close = address[0] == '[' ? strchr(address, ']') : NULL;
    const char *colon = strrchr(address, ':');
    g_autofree char *host = NULL;
    g_autofree char *fallback = g_strdup_printf("%u", default_port);
    const char *port = fallback;
    guint64 number;

    if (close != NULL) {
        host = g_strndup(address + 1, (gsize)(close - address - 1));
        if (close[1] == ':')
            port = close + 2;
        else if (close[1] != '\0')
            port = "";
    } else if (colon != NULL && strchr(address, ':') == colon) {
        host = g_strndup(address, (gsize)(colon - address));
        port = colon + 1;
    } else {
        host = g_strdup(address); /* a name, IPv4, or bare IPv6 */
    }
    if (!g_ascii_string_to_unsigned(port, 10, 0, G_MAXUINT16, &number, NULL) ||
        strpbrk(host, "[] \t") != NULL)
        return error_set(
            error, ERR_INVALID,
            "%s: write an address and a port, such as 192.0.2.1:8443, [::]:8443 or :8443", address);
    *ret_host = g_steal_pointer(&host);
    *ret_port = g_strdup(port);
    return TRUE;
}

static int listen_on(const struct addrinfo *info)
{
    g_auto(Fd) fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    int off = 0;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return -1;
    return fd_steal(&fd);
}

int listen_tcp(const char *address, guint default_port, guint tries, GError **error)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                             .ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM};
    g_autofree char *host = NULL;
    g_autofree char *port = NULL;
    struct addrinfo *found = NULL;
    int status;
    int fd = -1;
    int reason = 0;

    if (!listen_split(address, default_port, &host, &port, error))
        return -1;
    /* "Any" is the one IPv6 socket that takes IPv4 too, unless the kernel has no IPv6. */
    status = getaddrinfo(host[0] != '\0' ? host : "::", port, &hints, &found);
    if (status != 0) {
        error_set(error, ERR_INVALID, "%s: %s", address, gai_strerror(status));
        return -1;
    }
    for (guint i = 0; i < tries && fd < 0 && (i == 0 || reason == EADDRINUSE); i++) {
        if (i > 0)
            g_usleep(TRY_US);
        for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
            fd = listen_on(at);
            reason = errno;
        }
    }
    freeaddrinfo(found);
    if (fd < 0 && host[0] == '\0' && (reason == EAFNOSUPPORT || reason == EADDRNOTAVAIL)) {
        g_autofree char *any = g_strconcat("0.0.0.0:", port, NULL);

        return listen_tcp(any, default_port, tries, error);
    }
    if (fd < 0)
        error_errno(error, reason, "listen on %s", address);
    return fd;
}

char *listen_address(int fd, gboolean far)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;

    if ((far ? getpeername : getsockname)(fd, (struct sockaddr *)&address, &length) < 0)
        return g_strdup("");
    return listen_address_text((const struct sockaddr *)&address);
}

char *listen_address_text(const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN] = "";

    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;

        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        return g_strdup_printf("%s:%u", text, ntohs(in->sin_port));
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)address;

        if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) {
            inet_ntop(AF_INET, &in->sin6_addr.s6_addr[12], text, sizeof text);
            return g_strdup_printf("%s:%u", text, ntohs(in->sin6_port));
        }
        inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
        return g_strdup_printf("[%s]:%u", text, ntohs(in->sin6_port));
    }
    return g_strdup("@");
}
