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

/* A request that begins an operation, and its end. With the progress of `options` (may be NULL) its
 * steps are told; a signal has the daemon cancel it, and is `ret_signal`. `ret_metadata` gets that
 * of the operation, new reference, also when it failed; NULL when its end is not known. */
gboolean daemon_follow(Remote *remote, const char *path, const json_t *body,
                       const ApplyOptions *options, json_t **ret_metadata, int *ret_signal,
                       GError **error);

/* As client_get; a server that does not know a path of berth's own is told apart. */
json_t *daemon_get(Remote *remote, const char *path, GError **error);
/* The metadata of the answer to any other request. New reference. */
json_t *daemon_ask(Remote *remote, const char *method, const char *path, const json_t *body,
                   GError **error);

/* daemon_apply.c, daemon_exec.c, daemon_sources.c: members of the class. */
gboolean daemon_apply(Backend *backend, const Proposal *proposal, gboolean exactly,
                      const ApplyOptions *options, ApplyResult *ret_result, int *ret_signal,
                      GError **error);
gboolean daemon_exec(Backend *backend, const Object *object, const Program *program,
                     int *ret_status, GError **error);
json_t *daemon_source_state(Backend *backend, const char *name, GError **error);
gboolean daemon_source_add(Backend *backend, const char *name, const json_t *body, GError **error);
gboolean daemon_source_suspend(Backend *backend, const char *name, gboolean suspend,
                               GError **error);
gboolean daemon_source_remove(Backend *backend, const char *name, GError **error);
gboolean daemon_source_sync(Backend *backend, const char *name, gboolean again, json_t **ret_round,
                            int *ret_signal, GError **error);
json_t *daemon_holds(Backend *backend, GError **error);
gboolean daemon_hold(Backend *backend, const char *key, const char *path, gint64 seconds,
                     const char *reason, GError **error);
gboolean daemon_unhold(Backend *backend, const char *key, const char *path, GError **error);
/* daemon_images.c: finds out the fingerprints of files that the daemon may not read by their paths
 * (Input.sent); and has it have them. */
gboolean daemon_images_name(Remote *remote, const Input *input, GError **error);
gboolean daemon_images_send(Remote *remote, const Input *input, GError **error);
/* The wish of a proposal as it is sent: with the objects that were read, and their files. */
json_t *daemon_wish(Remote *remote, const Proposal *proposal, GError **error);
