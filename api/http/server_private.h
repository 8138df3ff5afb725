/* Shared by http/server.c (listeners) and http/transport.c (what libmicrohttpd calls). */
#pragma once

#include <microhttpd.h>

#include "http/peers.h"
#include "http/server.h"
#include "http/watch.h"

struct HttpServer {
    HttpHandlers handlers;
    HttpLimits limits; /* no zeros */
    char *spool;
    Watch *watch;
    Peers *peers;
    gint unfinished; /* requests between their header and the end of their answer; atomic */
    GMutex lock;     /* of the two lists */
    GPtrArray *listeners;
    GPtrArray *retired; /* listen no longer, wait for the end of their connections */
};

struct HttpListener {
    HttpServer *server;
    struct MHD_Daemon *daemon;
    int fd;
    Tls *tls; /* NULL: unix socket */
    guint realm;
    char *address;
    char *path;        /* of a unix socket to unlink, or NULL */
    gboolean retiring; /* every answer closes its connection; atomic */
    gboolean stopping; /* every request is answered 503; atomic */
};

/* The options of a daemon whose connections come here. */
struct MHD_Daemon *transport_start(HttpListener *listener, GError **error);
