/* A thread that sees what libmicrohttpd does not: clients that leave while their connection is
 * suspended, and connections that are too slow. */
#pragma once

#include <gio/gio.h>

typedef struct Request Request;
typedef struct Watch Watch;
typedef struct WatchConnection WatchConnection;

/* `every` is called in the thread once a second while there are connections. */
Watch *watch_new(void (*every)(gpointer data), gpointer data);
void watch_free(Watch *watch);

/* Has `every` called soon. */
void watch_wake(Watch *watch);

/* Calls request_gone() when the peer of `socket` has closed its end. Returns an id for
 * watch_drop(), never 0. Takes no reference; watch_drop() must come before the socket is closed or
 * the request freed. */
guint64 watch_add(Watch *watch, Request *request, int socket);
void watch_drop(Watch *watch, guint64 id);

/* Notes whether a request waits for its answer with its connection suspended; the set serves
 * watch_waiting_all(). */
void watch_waiting(Watch *watch, Request *request, gboolean waiting);
/* All of them, each with request_keep(). */
GPtrArray *watch_waiting_all(Watch *watch);

/* A connection with a deadline, after which its socket is shut down. Free it before the socket is
 * closed. */
WatchConnection *watch_connection_new(Watch *watch, int socket);
void watch_connection_free(WatchConnection *connection);
/* From now on; 0: none. */
void watch_connection_deadline(WatchConnection *connection, guint seconds);
guint watch_connections(Watch *watch);
