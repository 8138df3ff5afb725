/* A backend that asks a daemon: what its parts share. */
#pragma once

#include "backend_class.h"
#include "client.h"
#include "http/websocket.h"

typedef struct {
    Backend base;
    Client *client;
    gboolean sends_paths; /* the daemon may read the files that our state files name */
    WebSocket *watch;     /* events, once backend_watch was called */
    gboolean changed;     /* one of them came */
    gboolean lost;        /* the connection of events is */
} Remote;

/* Takes the client over. `is_local`: the daemon is on this machine. */
Backend *backend_daemon(Client *client, gboolean is_local);

/* A client of the server that `remote` names; NULL and "local": of the daemon on the state
 * directory, whether it listens or not. */
Client *backend_client(const char *remote, const char *dir, GError **error);

/* daemon_apply.c, daemon_exec.c: members of the class. */
gboolean daemon_apply(Backend *backend, const Proposal *proposal, gboolean exactly,
                      const ApplyOptions *options, ApplyResult *ret_result, int *ret_signal,
                      GError **error);
gboolean daemon_exec(Backend *backend, const Object *object, const Program *program,
                     int *ret_status, GError **error);
/* The wish of a proposal as it is sent: with the objects that were read, and their files. */
json_t *daemon_wish(Remote *remote, const Proposal *proposal, GError **error);
