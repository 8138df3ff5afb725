/* Sockets to listen on. Each function gives a listening fd, or -1 with an error. */
#pragma once

#include <glib.h>
#include <sys/socket.h>
#include <sys/types.h>

/* A unix socket at `path`, mode 0660, of group `gid`. See http_server_add_unix(). */
int listen_unix(const char *path, gid_t gid, GError **error);

/* See http_server_add_tcp(). */
int listen_tcp(const char *address, guint default_port, guint tries, GError **error);

/* "[::1]:8443" of the near (or far) end of a socket, "@" or "@path" of a unix one. Newly allocated.
 */
char *listen_address(int fd, gboolean far);

/* The same of an address. */
char *listen_address_text(const struct sockaddr *address);

/* Splits "HOST:PORT"; see http_server_add_tcp(). `ret_host` is "" for any address. */
gboolean listen_split(const char *address, guint default_port, char **ret_host, char **ret_port,
                      GError **error);
