/* The header that a proxy sends before the client's own bytes, to say whose they are: the PROXY
 * protocol of HAProxy, versions 1 and 2 (AUTH-83). */
#pragma once

#include <glib.h>

typedef enum {
    PROXY_MORE,    /* go on reading */
    PROXY_NONE,    /* there is no header: everything read is the client's */
    PROXY_ADDRESS, /* a whole header, with the client's address */
    PROXY_LOCAL,   /* a whole header, without one: the proxy speaks for itself */
    PROXY_BAD,
} ProxyResult;

/* Looks at the first `size` bytes of a connection. With PROXY_MORE `*ret_more` bytes can be read
 * without reading over the end of the header; with PROXY_ADDRESS `*ret_address` is
 * "192.0.2.1:4711" or "[2001:db8::1]:4711", newly allocated. */
ProxyResult proxy_parse(const guchar *data, gsize size, gsize *ret_more, char **ret_address);

/* The client's end of a connection behind a proxy that is believed. */
typedef struct ProxyPull ProxyPull;

ProxyPull *proxy_pull_new(int socket);
void proxy_pull_free(ProxyPull *pull);

/* recv(2) without the header: -1 with errno EAGAIN while it is coming, EPROTO when it is wrong.
 * `ret_address` is set once, when the address is known. */
gssize proxy_pull_read(ProxyPull *pull, void *data, gsize size, char **ret_address);
